//! An OpenAPI document as the tests read it: its operations, its references, and whether a value has the form that a schema says.

use serde_json::{Map, Value};

use crate::support::Reply;

/// One of the hub's documents.
#[derive(Debug)]
pub(super) struct Document(pub(super) Value);

/// One method of one path.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    pub(super) method: String,
    pub(super) path: &'a str,
    /// What the path's methods have in common.
    shared: &'a Value,
    pub(super) value: &'a Value,
}

impl Document {
    pub(super) fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).expect("the document is JSON"))
    }

    pub(super) fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.0["paths"].as_object().expect("the document has paths");
        paths.iter().flat_map(|(path, item)| methods_of(path, item)).collect()
    }

    /// The operation of this method and path.
    pub(super) fn operation(&self, method: &str, path: &str) -> Operation<'_> {
        let mut operations = self.operations().into_iter();
        let found = operations.find(|operation| operation.method == method && operation.path == path);
        found.unwrap_or_else(|| panic!("{method} {path} is not in the document"))
    }

    /// What is meant: the value, or what it refers to.
    pub(super) fn meant<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.meant(self.target(reference).expect("references are tried by a test of their own")),
            None => value,
        }
    }

    /// What a reference points to.
    pub(super) fn target(&self, reference: &str) -> Option<&Value> {
        self.0.pointer(reference.strip_prefix('#')?)
    }

    /// The path with its parameters filled in by the document's examples, and with the body's.
    pub(super) fn example_of(&self, operation: &Operation<'_>) -> (String, Vec<u8>) {
        let mut path = operation.path.to_owned();
        for parameter in self.parameters(operation).iter().filter(|parameter| parameter["in"] == "path") {
            let name = parameter["name"].as_str().expect("a parameter has a name");
            let example = example(parameter).and_then(|example| example.as_str().map(str::to_owned));
            path = path.replace(&format!("{{{name}}}"), &example.unwrap_or_else(|| panic!("{name} has no example")));
        }
        let content = operation.value["requestBody"]["content"].as_object().and_then(|content| content.values().next());
        let body = content.and_then(example).map(|body| body.as_str().map_or_else(|| body.to_string(), str::to_owned));
        (path, body.unwrap_or_default().into_bytes())
    }

    /// The parameters of an operation and of its path.
    pub(super) fn parameters<'a>(&'a self, operation: &Operation<'a>) -> Vec<&'a Value> {
        let lists = [&operation.shared["parameters"], &operation.value["parameters"]];
        lists.iter().filter_map(|list| list.as_array()).flatten().map(|parameter| self.meant(parameter)).collect()
    }

    /// The response that an operation has for a status.
    pub(super) fn response<'a>(&'a self, operation: &Operation<'a>, status: u16) -> &'a Value {
        let response = operation.value["responses"].get(status.to_string());
        self.meant(response.unwrap_or_else(|| panic!("{} {}: {status}", operation.method, operation.path)))
    }

    /// What is wrong with a real answer, by the document: status, content type, fields of JSON.
    pub(super) fn faults(&self, operation: &Operation<'_>, reply: &Reply) -> Vec<String> {
        let Some(content) = self.response(operation, reply.status)["content"].as_object() else {
            return if reply.body.is_empty() { vec![] } else { vec!["it has a body".to_owned()] };
        };
        let kind = reply.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
        match content.get(kind) {
            None => vec![format!("content type {kind:?}")],
            Some(content) if kind.ends_with("json") && !kind.contains("ndjson") => {
                let mut faults = Vec::new();
                self.compare(&content["schema"], &reply.json(), "", &mut faults);
                faults
            }
            Some(_) => vec![],
        }
    }

    /// Adds how `value` differs from the schema: a type, a required field that is missing, a field that is not described.
    pub(super) fn compare(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = self.meant(schema);
        if !has_type(schema, value) {
            faults.push(format!("{at}: {value} is no {}", schema["type"]));
        }
        let choices = schema.get("enum").and_then(Value::as_array);
        if choices.is_some_and(|choices| !choices.contains(value)) || schema.get("const").is_some_and(|it| it != value)
        {
            faults.push(format!("{at}: {value} is none of the values"));
        }
        if let (Some(fields), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
            self.compare_fields(known, fields, at, faults);
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing = required.filter(|name| !fields.contains_key(*name));
            faults.extend(missing.map(|name| format!("{at}: {name} is missing")));
        }
        for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
            self.compare(&schema["items"], item, &format!("{at}/{nth}"), faults);
        }
    }

    fn compare_fields(
        &self,
        known: &Map<String, Value>,
        fields: &Map<String, Value>,
        at: &str,
        faults: &mut Vec<String>,
    ) {
        for (name, value) in fields {
            match known.get(name) {
                Some(schema) => self.compare(schema, value, &format!("{at}/{name}"), faults),
                None => faults.push(format!("{at}: {name} is not described")),
            }
        }
    }
}

/// Every reference in a value, at any depth.
pub(super) fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    }
}

/// The first example of a parameter or of a body.
fn example(value: &Value) -> Option<&Value> {
    value.get("example").or_else(|| value["examples"].as_object()?.values().next()?.get("value"))
}

fn methods_of<'a>(path: &'a str, item: &'a Value) -> Vec<Operation<'a>> {
    let methods = item.as_object().expect("a path is an object").iter().filter(|(name, _)| is_method(name));
    methods.map(|(name, value)| Operation { method: name.to_uppercase(), path, shared: item, value }).collect()
}

fn is_method(name: &str) -> bool {
    ["get", "put", "post", "delete", "options", "head", "patch", "trace"].contains(&name)
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no schema here has the type {other}"),
    };
    match &schema["type"] {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}
