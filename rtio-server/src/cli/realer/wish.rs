//! What is wanted of the runtime, as a request to the operators' port, and how its answer is printed. Pure.

use hyper::Method;
use serde_json::{Map, Value};

use super::super::Failure;
use super::super::place::Request;

/// One wish.
pub(super) struct Wish {
    method: Method,
    path: String,
    content_type: &'static str,
    body: String,
    /// Whether it may be the first thing in a new data folder.
    pub(super) may_begin: bool,
    /// The member of the answer that goes on over pages, where all are wanted.
    pub(super) pages: Option<&'static str>,
    print: Print,
}

/// How an answer becomes text for people.
enum Print {
    /// By its members.
    Lines(fn(&Value) -> String),
    /// As it is, also where JSON is asked for: it is a file.
    Whole,
    /// There is none: this is said.
    Said { done: &'static str, id: String },
}

impl Wish {
    /// A wish to see something.
    pub(super) fn get(path: String, print: fn(&Value) -> String) -> Self {
        Self::of(Method::GET, path, String::new(), Print::Lines(print))
    }

    /// A wish to see all of a list, page by page.
    pub(super) fn list(path: &str, member: &'static str, print: fn(&Value) -> String) -> Self {
        Self { pages: Some(member), ..Self::get(format!("{path}?limit={PAGE}"), print) }
    }

    /// A wish to add or change something.
    pub(super) fn send(method: Method, path: String, fields: Fields, print: fn(&Value) -> String) -> Self {
        Self::of(method, path, Value::Object(fields.0).to_string(), Print::Lines(print))
    }

    /// A wish to remove something.
    pub(super) fn remove(path: String, id: &str) -> Self {
        Self::of(Method::DELETE, path, String::new(), Print::Said { done: "removed", id: id.to_owned() })
    }

    /// A wish to see a file.
    pub(super) fn file(path: String) -> Self {
        Self::of(Method::GET, path, String::new(), Print::Whole)
    }

    /// A wish with a file as its body.
    pub(super) fn with_file(
        path: String,
        content_type: &'static str,
        body: String,
        print: fn(&Value) -> String,
    ) -> Self {
        Self { content_type, may_begin: true, ..Self::of(Method::POST, path, body, Print::Lines(print)) }
    }

    /// The same, which may be the first thing in a new data folder.
    pub(super) fn that_may_begin(self) -> Self {
        Self { may_begin: true, ..self }
    }

    fn of(method: Method, path: String, body: String, print: Print) -> Self {
        let path = format!("/v1/realer{path}");
        Self { method, path, content_type: "application/json", body, may_begin: false, pages: None, print }
    }

    /// The request that stands for it; for a list, the one for the page after `after`.
    pub(super) fn request(&self, after: Option<&str>) -> Request {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        Request {
            method: self.method.clone(),
            path: format!("{}{after}", self.path),
            content_type: self.content_type,
            body: self.body.clone(),
        }
    }

    /// What is printed of the body of a good answer.
    pub(super) fn text_of(&self, body: &[u8], json: bool) -> Result<String, Failure> {
        match &self.print {
            Print::Whole => Ok(String::from_utf8_lossy(body).into_owned()),
            Print::Said { done, id } if json => Ok(format!(
                "{}\n",
                Value::Object(
                    [(*done, id.as_str())].into_iter().map(|(name, id)| (name.to_owned(), id.into())).collect()
                )
            )),
            Print::Said { done, id } => Ok(format!("{done} {id}\n")),
            Print::Lines(_) if json => Ok(format!("{}\n", String::from_utf8_lossy(body).trim_end())),
            Print::Lines(print) => {
                serde_json::from_slice(body).map(|answer| print(&answer)).map_err(|source| Failure::Frame { source })
            }
        }
    }
}

/// Fields that are given, as a JSON object.
#[derive(Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// With a field, if it is given.
    #[must_use]
    pub(super) fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    /// With a list, if it is given.
    #[must_use]
    pub(super) fn with_list(self, name: &str, values: Vec<String>) -> Self {
        self.with(name, (!values.is_empty()).then_some(values))
    }
}

/// The largest page that a hub gives.
const PAGE: usize = 1000;
