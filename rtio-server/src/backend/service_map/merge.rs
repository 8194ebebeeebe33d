//! One map of two sources. The file wins where both name a URI. No two URIs may have one digest, because a device sends nothing but
//! that. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::entries::Entries;
use crate::backend::ServiceDefinition;
use crate::hub::{ServiceSource, UriDigest};

/// Every URI that a device may send to, but for the hub's own.
#[derive(Debug, Clone, Default)]
pub(super) struct Merged {
    pub(super) entries: BTreeMap<Arc<str>, Entry>,
    /// What the configurer says about URIs that the file has, too.
    pub(super) overruled: Vec<Arc<str>>,
}

/// Who answers for a URI, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) definition: Arc<ServiceDefinition>,
    pub(super) source: ServiceSource,
}

/// Two URIs that a device's message cannot tell apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{one:?} ({by}) and {other:?} ({other_by}) have the same digest {digest}: rename one of them")]
pub(super) struct Collision {
    /// The one that was found later.
    pub(super) one: Arc<str>,
    pub(super) by: ServiceSource,
    pub(super) other: Arc<str>,
    pub(super) other_by: ServiceSource,
    pub(super) digest: UriDigest,
}

/// Joins both; `own` knows the URIs of the hub's own services.
pub(super) fn merge(
    file: &Entries,
    configurer: &Entries,
    own: impl Fn(UriDigest) -> Option<&'static str>,
) -> Result<Merged, Collision> {
    let mut merged = Merged::default();
    let mut seen: HashMap<UriDigest, (&Arc<str>, ServiceSource)> =
        HashMap::with_capacity(file.len() + configurer.len());
    let all = file.iter().map(|entry| (entry, ServiceSource::File));
    for ((uri, definition), source) in all.chain(configurer.iter().map(|entry| (entry, ServiceSource::Configurer))) {
        let digest = UriDigest::of(uri);
        let collides =
            |other: Arc<str>, other_by| Collision { one: Arc::clone(uri), by: source, other, other_by, digest };
        if let Some(own) = own(digest) {
            return Err(collides(own.into(), ServiceSource::Hub));
        }
        match seen.insert(digest, (uri, source)) {
            None => {
                let entry = Entry { definition: Arc::clone(definition), source };
                merged.entries.insert(Arc::clone(uri), entry);
            }
            Some((other, _)) if other == uri => merged.overruled.push(Arc::clone(uri)),
            Some((other, other_by)) => return Err(collides(Arc::clone(other), other_by)),
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(json: &str) -> Entries {
        serde_json::from_str(json).unwrap()
    }

    fn merged(file: &str, configurer: &str) -> Result<Merged, String> {
        let own = |digest| (digest == UriDigest::of("/rtio/time")).then_some("/rtio/time");
        merge(&entries(file), &entries(configurer), own).map_err(|error| error.to_string())
    }

    #[test]
    fn the_file_wins() {
        let file = r#"{"/a":"http://file","/b":"http://file"}"#;
        let configurer = r#"{"/b":"http://configurer","/c":"http://configurer"}"#;
        let merged = merged(file, configurer).unwrap();
        let all: Vec<_> = merged.entries.iter().map(|(uri, entry)| (&**uri, entry.source)).collect();
        assert_eq!(all, [("/a", ServiceSource::File), ("/b", ServiceSource::File), ("/c", ServiceSource::Configurer)]);
        assert_eq!(merged.entries["/b"].definition.url.to_string(), "http://file/");
        assert_eq!(merged.overruled.iter().map(|uri| &**uri).collect::<Vec<_>>(), ["/b"]);
    }

    #[test]
    fn uris_of_one_digest_are_refused_by_their_names() {
        let one = |uri: &str| format!(r#"{{"{uri}":"http://a"}}"#);
        let both = r#"{"/plumless":"http://a","/buckeroo":"http://a"}"#;
        assert_eq!(
            merged(both, "{}").unwrap_err(),
            "\"/plumless\" (of the configuration file) and \"/buckeroo\" (of the configuration file) have the same digest \
             DIGEST: rename one of them"
                .replace("DIGEST", &UriDigest::of("/plumless").to_string())
        );
        let error = merged("{}", both).unwrap_err();
        assert!(
            error.starts_with("\"/plumless\" (of the configurer) and \"/buckeroo\" (of the configurer)"),
            "{error}"
        );
        let error = merged(&one("/plumless"), &one("/buckeroo")).unwrap_err();
        assert!(
            error.starts_with("\"/buckeroo\" (of the configurer) and \"/plumless\" (of the configuration"),
            "{error}"
        );
        let error = merged(&one("/rtio/time"), "{}").unwrap_err();
        assert!(error.contains("(of the configuration file) and \"/rtio/time\" (the hub's own)"), "{error}");
    }
}
