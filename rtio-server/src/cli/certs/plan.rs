//! Which files a run makes, and whether it may: pure, given what is there already.

use std::collections::BTreeSet;

use super::super::target::DeviceId;
use super::issue::Host;

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// Names of the server; none stands for those of this machine.
    pub(super) hosts: Vec<Host>,
    pub(super) devices: Vec<DeviceId>,
    pub(super) existing: Existing,
}

/// What becomes of files that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Keep,
    Replace,
}

/// What a run makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) authority: Source,
    /// Names of the server; none if no certificate is made for it.
    pub(super) hosts: Vec<Host>,
    pub(super) devices: Vec<DeviceId>,
}

/// Where the CA comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    New,
    Folder,
}

/// Names of the two files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Plan {
    /// What `wish` comes to, where `is_there` knows the names of files that are there.
    pub(super) fn new(wish: Wish, is_there: impl Fn(&str) -> bool) -> Result<Self, PlanError> {
        let Wish { hosts, devices, existing } = wish;
        let authority = Names::authority();
        let has_authority = is_there(&authority.certificate) || is_there(&authority.key);
        let plan = if has_authority && existing == Existing::Keep {
            if hosts.is_empty() && devices.is_empty() {
                return Err(PlanError::Exists { name: authority.certificate });
            }
            Self { authority: Source::Folder, hosts, devices }
        } else {
            let hosts = if hosts.is_empty() { Host::of_this_machine() } else { hosts };
            Self { authority: Source::New, hosts, devices }
        };
        plan.check(existing, is_there)?;
        Ok(plan)
    }

    fn check(&self, existing: Existing, is_there: impl Fn(&str) -> bool) -> Result<(), PlanError> {
        let mut names = BTreeSet::new();
        for name in self.names().into_iter().flat_map(|names| [names.certificate, names.key]) {
            if existing == Existing::Keep && is_there(&name) {
                return Err(PlanError::Exists { name });
            }
            if !names.insert(name.clone()) {
                return Err(PlanError::Twice { name });
            }
        }
        Ok(())
    }

    fn names(&self) -> Vec<Names> {
        let authority = (self.authority == Source::New).then(Names::authority);
        let server = (!self.hosts.is_empty()).then(Names::server);
        authority.into_iter().chain(server).chain(self.devices.iter().map(Names::device)).collect()
    }
}

impl Names {
    pub(super) fn authority() -> Self {
        Self::of("ca")
    }

    pub(super) fn server() -> Self {
        Self::of("server")
    }

    /// An id has no character that means something in a path.
    pub(super) fn device(id: &DeviceId) -> Self {
        Self::of(&format!("device-{id}"))
    }

    fn of(stem: &str) -> Self {
        Self { certificate: format!("{stem}.pem"), key: format!("{stem}-key.pem") }
    }
}

/// Why nothing is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("{name} is there already: --client adds a device to the CA that is there, --force begins anew")]
    Exists { name: String },
    #[error("two of the certificates would be in {name}")]
    Twice { name: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(hosts: &[&str], devices: &[&str], existing: Existing, there: &[&str]) -> Result<Plan, PlanError> {
        let wish = Wish {
            hosts: hosts.iter().map(|host| Host::parse(host).unwrap()).collect(),
            devices: devices.iter().map(|id| DeviceId::parse(id).unwrap()).collect(),
            existing,
        };
        Plan::new(wish, |name| there.contains(&name))
    }

    fn made(plan: &Plan) -> Vec<String> {
        plan.names().into_iter().map(|names| names.certificate).collect()
    }

    #[test]
    fn the_first_run_makes_all_and_a_later_one_adds() {
        let all = plan(&[], &["a"], Existing::Keep, &[]).unwrap();
        assert_eq!(
            (all.authority, made(&all)),
            (Source::New, vec!["ca.pem".into(), "server.pem".into(), "device-a.pem".into()])
        );
        assert_eq!(all.hosts, Host::of_this_machine());
        let there = ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem", "device-a.pem", "device-a-key.pem"];
        let added = plan(&[], &["b"], Existing::Keep, &there).unwrap();
        assert_eq!((added.authority, made(&added)), (Source::Folder, vec!["device-b.pem".to_owned()]));
        let server = plan(&["h"], &[], Existing::Keep, &["ca.pem", "ca-key.pem"]).unwrap();
        assert_eq!((server.authority, made(&server)), (Source::Folder, vec!["server.pem".to_owned()]));
        let anew = plan(&[], &["a"], Existing::Replace, &there).unwrap();
        assert_eq!((anew.authority, made(&anew).len()), (Source::New, 3));
    }

    #[test]
    fn what_is_there_is_not_replaced_unless_asked_for() {
        let exists = |name: &str| Err(PlanError::Exists { name: name.into() });
        assert_eq!(plan(&[], &[], Existing::Keep, &["ca.pem", "ca-key.pem"]), exists("ca.pem"));
        assert_eq!(plan(&[], &["a"], Existing::Keep, &["ca.pem", "device-a.pem"]), exists("device-a.pem"));
        assert_eq!(plan(&["h"], &[], Existing::Keep, &["ca.pem", "server-key.pem"]), exists("server-key.pem"));
        assert_eq!(plan(&[], &[], Existing::Keep, &["server.pem"]), exists("server.pem"));
    }

    #[test]
    fn two_certificates_never_share_a_file() {
        for devices in [["a", "a"], ["a", "a-key"]] {
            assert!(matches!(plan(&[], &devices, Existing::Replace, &[]), Err(PlanError::Twice { .. })), "{devices:?}");
        }
    }
}
