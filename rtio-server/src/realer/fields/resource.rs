//! What may be said about a resource, and how one is found by what an operator calls it.

use std::collections::HashMap;

use serde::Deserialize;

use super::{FieldError, check};
use crate::realer::{MAX_RESOURCES, Resource, ResourceId};

/// What is to be another about a resource, or what a new one begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceFields {
    /// What operators call it.
    #[serde(default, deserialize_with = "super::said")]
    pub label: Option<String>,
}

impl ResourceFields {
    /// The resource `before` with what is said here.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn changed(&self, before: Resource) -> Result<Resource, FieldError> {
        let label = self.label.as_deref().map(|label| check::label("label", label)).transpose()?;
        Ok(Resource { label: label.unwrap_or(before.label), ..before })
    }

    /// A new resource.
    ///
    /// # Errors
    ///
    /// [`FieldError`], also where it has no label.
    pub fn new_resource(&self, id: ResourceId) -> Result<Resource, FieldError> {
        let label = check::label("label", self.label.as_deref().unwrap_or_default())?;
        Ok(Resource { id, label })
    }
}

/// The resources that there are, to be found by id or label.
#[derive(Debug, Default)]
pub struct Resources {
    ids: HashMap<ResourceId, String>,
    labels: HashMap<String, ResourceId>,
}

impl Resources {
    /// One more; one of the same id is that one no more.
    pub fn put(&mut self, resource: &Resource) {
        if let Some(label) = self.ids.insert(resource.id.clone(), resource.label.clone())
            && self.labels.get(&label) == Some(&resource.id)
        {
            self.labels.remove(&label);
        }
        self.labels.insert(resource.label.clone(), resource.id.clone());
    }

    /// What a resource is called; its id where it is not known.
    pub fn label_of(&self, id: &ResourceId) -> String {
        self.ids.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// The resources of these names, each an id or a label.
    ///
    /// # Errors
    ///
    /// [`FieldError`] for one that is not known, one that is named twice, and too many.
    pub fn find(&self, names: &[String]) -> Result<Vec<ResourceId>, FieldError> {
        let mut found = Vec::new();
        for name in names {
            let by_id = ResourceId::parse(name).ok().filter(|id| self.ids.contains_key(id));
            let id = by_id.or_else(|| self.labels.get(name).cloned());
            let id = id.filter(|id| !found.contains(id));
            let refused = || {
                FieldError::new(
                    "resources",
                    format_args!("ids or labels of resources that are there, each once, and {name:?} is none"),
                )
            };
            found.push(id.ok_or_else(refused)?);
        }
        if found.len() > MAX_RESOURCES {
            return Err(FieldError::new("resources", format_args!("at most {MAX_RESOURCES}")));
        }
        found.sort_unstable();
        Ok(found)
    }
}

impl<'a> FromIterator<&'a Resource> for Resources {
    fn from_iter<I: IntoIterator<Item = &'a Resource>>(resources: I) -> Self {
        let mut all = Self::default();
        resources.into_iter().for_each(|resource| all.put(resource));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_found_by_id_and_by_label_each_once() {
        let made = |label: &str| Resource { id: ResourceId::new(1).unwrap(), label: label.to_owned() };
        let all: Vec<_> = (0..20).map(|nth| made(&format!("bench {nth}"))).collect();
        let known: Resources = all.iter().collect();
        let found = known.find(&["bench 1".to_owned(), all[0].id.to_string()]).unwrap();
        assert!(found.contains(&all[0].id) && found.contains(&all[1].id) && found.len() == 2);
        let names = |n: usize| all[..n].iter().map(|one| one.label.clone()).collect::<Vec<_>>();
        assert!(known.find(&names(16)).is_ok());
        for wrong in [names(17), vec!["bench 99".to_owned()], vec!["bench 1".to_owned(), all[1].id.to_string()]] {
            assert_eq!(known.find(&wrong).unwrap_err().field, "resources");
        }
    }

    #[test]
    fn a_resource_that_changed_its_label_is_found_by_the_new_one_only() {
        let mut resource = Resource { id: ResourceId::new(1).unwrap(), label: "old".to_owned() };
        let mut all: Resources = [&resource].into_iter().collect();
        resource.label = "new".to_owned();
        all.put(&resource);
        assert!(all.find(&["old".to_owned()]).is_err());
        assert_eq!(all.find(&["new".to_owned()]), Ok(vec![resource.id.clone()]));
        assert_eq!(all.label_of(&resource.id), "new");
    }
}
