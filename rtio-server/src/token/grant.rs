//! What a token lets its bearer do (pure): all of one device, or what its grants say.

use serde::{Deserialize, Deserializer};

use super::pattern::Pattern;

/// How a caller reaches a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Calling it.
    CoPost,
    /// Observing it.
    ObGet,
}

/// What a token's bearer may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Everything on the device with this id: a token without grants.
    Device(Box<str>),
    /// What at least one of the grants allows.
    Grants(Vec<Grant>),
}

/// Something on some devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    devices: Vec<Pattern>,
    /// `None` is both.
    methods: Option<Vec<Method>>,
    /// `None` is all.
    uris: Option<Vec<Pattern>>,
}

/// What a token's bearer may not. The greater, the nearer it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Lacking {
    /// The token is for one device, and not this one.
    #[error("JWT subject invalid")]
    Subject,
    /// No grant is for the device.
    #[error("the token does not grant this device")]
    Device,
    /// Grants are for the device, none for the method.
    #[error("the token does not grant this method on the device")]
    Method,
    /// Grants are for the device and the method, none for the URI.
    #[error("the token does not grant this URI of the device")]
    Uri,
}

impl Method {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoPost => "copost",
            Self::ObGet => "obget",
        }
    }

    /// Reads `copost` or `obget`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "copost" => Some(Self::CoPost),
            "obget" => Some(Self::ObGet),
            _ => None,
        }
    }
}

impl Lacking {
    /// What is not granted, in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Device => "device",
            Self::Method => "method",
            Self::Uri => "uri",
        }
    }
}

impl Rights {
    /// Whether there may be something on `device` that is allowed.
    ///
    /// # Errors
    ///
    /// [`Lacking::Subject`] or [`Lacking::Device`].
    pub fn reach(&self, device: &str) -> Result<(), Lacking> {
        match self {
            Self::Device(subject) if **subject == *device => Ok(()),
            Self::Device(_) => Err(Lacking::Subject),
            Self::Grants(grants) if grants.iter().any(|grant| grant.has_device(device)) => Ok(()),
            Self::Grants(_) => Err(Lacking::Device),
        }
    }

    /// Whether `method` may be used on `uri` of `device`. Takes time linear in the size of the token.
    ///
    /// # Errors
    ///
    /// [`Lacking`]: the first of device, method and URI that no grant has together with those before it.
    pub fn allow(&self, device: &str, method: Method, uri: &str) -> Result<(), Lacking> {
        let Self::Grants(grants) = self else { return self.reach(device) };
        let mut lacking = Lacking::Device;
        for grant in grants.iter().filter(|grant| grant.has_device(device)) {
            if !grant.has_method(method) {
                lacking = lacking.max(Lacking::Method);
            } else if grant.has_uri(uri) {
                return Ok(());
            } else {
                lacking = Lacking::Uri;
            }
        }
        Err(lacking)
    }
}

impl Grant {
    /// Makes a grant of lists as they stand in a claim; an absent list allows all. `None` if a list or a pattern is over its
    /// cap, or a method is unknown.
    pub fn from_lists(devices: &[String], methods: Option<&[String]>, uris: Option<&[String]>) -> Option<Self> {
        let methods = match methods {
            Some(names) if names.len() <= MAX_LIST => {
                Some(names.iter().map(|name| Method::parse(name)).collect::<Option<_>>()?)
            }
            Some(_) => return None,
            None => None,
        };
        let uris = match uris {
            Some(texts) => Some(patterns(texts)?),
            None => None,
        };
        Some(Self { devices: patterns(devices)?, methods, uris })
    }

    fn has_device(&self, device: &str) -> bool {
        self.devices.iter().any(|pattern| pattern.matches(device))
    }

    fn has_method(&self, method: Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(&method))
    }

    fn has_uri(&self, uri: &str) -> bool {
        self.uris.as_ref().is_none_or(|uris| uris.iter().any(|pattern| pattern.matches(uri)))
    }
}

/// A grant as it stands in the claim. A field that we do not know may be meant as a limit, so it is not ignored.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGrant {
    devices: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    methods: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    uris: Option<Vec<String>>,
}

impl RawGrant {
    /// The grants of a claim; `None` if one is malformed or there are too many.
    pub(super) fn all(raw: &[Self]) -> Option<Vec<Grant>> {
        if raw.len() > MAX_LIST {
            return None;
        }
        let read = |raw: &Self| Grant::from_lists(&raw.devices, raw.methods.as_deref(), raw.uris.as_deref());
        raw.iter().map(read).collect()
    }
}

/// A field that may be absent but not `null`: nobody can say whether that would mean all or nothing.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

fn patterns(texts: &[String]) -> Option<Vec<Pattern>> {
    if texts.len() > MAX_LIST {
        return None;
    }
    texts.iter().map(|text| Pattern::parse(text)).collect()
}

/// Most grants in a token, and most entries of each list. A token with 64 grants takes 5 µs to look through (`cargo bench -p benches --bench token`).
pub const MAX_LIST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(json: &str) -> Option<Rights> {
        let raw: Vec<RawGrant> = serde_json::from_str(json).ok()?;
        RawGrant::all(&raw).map(Rights::Grants)
    }

    #[test]
    fn a_device_token_is_for_all_of_one_device() {
        let rights = Rights::Device("PRINTER-001".into());
        assert_eq!(rights.reach("PRINTER-001"), Ok(()));
        assert_eq!(rights.allow("PRINTER-001", Method::ObGet, "/any"), Ok(()));
        for other in ["PRINTER-002", "printer-001", "PRINTER-0011", ""] {
            assert_eq!(rights.reach(other), Err(Lacking::Subject));
            assert_eq!(rights.allow(other, Method::CoPost, "/any"), Err(Lacking::Subject));
        }
    }

    #[test]
    fn a_grant_allows_what_all_of_its_lists_have() {
        let rights = grants(r#"[{"devices":["A-*","B"],"methods":["copost"],"uris":["/x/*"]}]"#).unwrap();
        let check = |device, method, uri, expected| assert_eq!(rights.allow(device, method, uri), expected);
        check("A-1", Method::CoPost, "/x/y", Ok(()));
        check("B", Method::CoPost, "/x/", Ok(()));
        check("C", Method::CoPost, "/x/y", Err(Lacking::Device));
        check("B", Method::ObGet, "/x/y", Err(Lacking::Method));
        check("B", Method::CoPost, "/y", Err(Lacking::Uri));
        assert_eq!((rights.reach("A-7"), rights.reach("C")), (Ok(()), Err(Lacking::Device)));
    }

    #[test]
    fn grants_do_not_mix() {
        let rights = grants(
            r#"[{"devices":["A"],"methods":["copost"]},{"devices":["B"],"uris":["/b"]},{"devices":["A"],"uris":["/b"]}]"#,
        )
        .unwrap();
        assert_eq!(rights.allow("A", Method::CoPost, "/any"), Ok(()));
        assert_eq!(rights.allow("A", Method::ObGet, "/b"), Ok(()));
        assert_eq!(rights.allow("A", Method::ObGet, "/any"), Err(Lacking::Uri));
        assert_eq!(rights.allow("B", Method::CoPost, "/any"), Err(Lacking::Uri));
    }

    #[test]
    fn an_absent_list_is_all_and_an_empty_one_nothing() {
        let check = |json, expected| assert_eq!(grants(json).unwrap().allow("A", Method::ObGet, "/u"), expected);
        check(r#"[{"devices":["*"]}]"#, Ok(()));
        check(r#"[{"devices":["*"],"methods":[]}]"#, Err(Lacking::Method));
        check(r#"[{"devices":["*"],"uris":[]}]"#, Err(Lacking::Uri));
        check(r#"[{"devices":[]}]"#, Err(Lacking::Device));
        check("[]", Err(Lacking::Device));
    }

    #[test]
    fn what_may_be_meant_otherwise_is_malformed() {
        let long = format!(r#"[{{"devices":["{}"]}}]"#, "x".repeat(129));
        let many_grants = format!("[{}]", [r#"{"devices":["*"]}"#; MAX_LIST + 1].join(","));
        let many_patterns = format!(r#"[{{"devices":[{}]}}]"#, [r#""*""#; MAX_LIST + 1].join(","));
        for json in [
            r#"[{}]"#,
            r#"[{"devices":null}]"#,
            r#"[{"devices":"*"}]"#,
            r#"[{"devices":[""]}]"#,
            r#"[{"devices":["*"],"methods":null}]"#,
            r#"[{"devices":["*"],"methods":["delete"]}]"#,
            r#"[{"devices":["*"],"methods":["COPOST"]}]"#,
            r#"[{"devices":["*"],"uris":"/a"}]"#,
            r#"[{"devices":["*"],"hours":["9-17"]}]"#,
            r#"[{"devices":["*"],"devices":["A"]}]"#,
            &long,
            &many_grants,
            &many_patterns,
        ] {
            assert_eq!(grants(json), None, "{json}");
        }
        assert!(grants(&format!("[{}]", [r#"{"devices":["*"]}"#; MAX_LIST].join(","))).is_some());
        assert!(grants(&format!(r#"[{{"devices":[{}]}}]"#, [r#""*""#; MAX_LIST].join(","))).is_some());
    }
}
