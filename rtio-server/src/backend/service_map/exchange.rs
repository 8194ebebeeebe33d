//! What the operator's configurer is asked and what its answer means, as bytes (docs/backends.md §3). Pure.

use serde::{Deserialize, Serialize};

use super::entries::Entries;
use crate::hub::UriDigest;

/// The question.
pub(super) fn question(id: u32) -> Vec<u8> {
    serde_json::to_vec(&Question { id, method: "getconfig" }).expect("text and numbers can be written")
}

#[derive(Serialize)]
struct Question {
    id: u32,
    method: &'static str,
}

/// A document, and the digest that it really has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    /// JSON, if all is well.
    pub(super) text: String,
    /// CRC-32 (IEEE) of its bytes.
    pub(super) digest: u32,
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum AnswerError {
    /// No JSON, or not with these fields.
    #[error("its answer is none to the question")]
    Nonsense(#[source] serde_json::Error),
    /// An answer to another question.
    #[error("it answered with another id")]
    OtherId,
    /// It does not want to.
    #[error("it answered with the code {0:?}")]
    Refused(String),
    /// OK, but nothing with it.
    #[error("its answer has no config, or no digest")]
    Empty,
    /// Something happened to the document on its way, or the configurer counts differently.
    #[error("the digest of its document is {said}, but CRC-32 makes it {found}")]
    Digest {
        /// What the answer says.
        said: u32,
        /// What it should be.
        found: u32,
    },
}

/// The document in the answer to question `id`.
pub(super) fn meaning(id: u32, answer: &[u8]) -> Result<Document, AnswerError> {
    let answer: RawAnswer = serde_json::from_slice(answer).map_err(AnswerError::Nonsense)?;
    if answer.id != i64::from(id) {
        return Err(AnswerError::OtherId);
    }
    if answer.code != "OK" {
        return Err(AnswerError::Refused(answer.code));
    }
    let (Some(text), Some(said)) = (answer.config, answer.digest) else { return Err(AnswerError::Empty) };
    let document = Document::new(text);
    let found = document.digest;
    if found == said { Ok(document) } else { Err(AnswerError::Digest { said, found }) }
}

#[derive(Deserialize)]
struct RawAnswer {
    id: i64,
    code: String,
    config: Option<String>,
    digest: Option<u32>,
}

impl Document {
    pub(super) fn new(text: String) -> Self {
        // The digest of a URI is that of any text.
        let digest = u32::from_be_bytes(UriDigest::of(&text).to_wire());
        Self { text, digest }
    }

    /// What it says. Fields beside the map are none of ours.
    pub(super) fn entries(&self) -> Result<Entries, serde_json::Error> {
        serde_json::from_str::<RawDocument>(&self.text).map(|document| document.deviceservicemap)
    }
}

#[derive(Deserialize)]
struct RawDocument {
    deviceservicemap: Entries,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CONFIG: &str = r#"{"deviceservicemap":{"/aa/bb":"http://localhost:17517/deviceservice"}}"#;

    #[test]
    fn the_question_is_as_published() {
        assert_eq!(question(1999), br#"{"id":1999,"method":"getconfig"}"#);
    }

    #[test]
    fn the_digest_is_that_of_zlib() {
        assert_eq!(Document::new("123456789".to_owned()).digest, 0xcbf4_3926);
        assert_eq!(Document::new("ü".to_owned()).digest, 0x63d9_69d5, "of the bytes of UTF-8");
    }

    fn check(answer: &str, expected: Result<(), &str>) {
        let result = meaning(1999, answer.as_bytes()).map(drop).map_err(|error| error.to_string());
        assert_eq!(result, expected.map_err(str::to_owned), "{answer}");
    }

    #[test]
    fn an_answer_has_its_id_a_code_a_document_and_its_digest() {
        let digest = Document::new(CONFIG.to_owned()).digest;
        let answer = |id: i64, code: &str, digest: u32| {
            json!({"id": id, "code": code, "config": CONFIG, "digest": digest, "more": []}).to_string()
        };
        check(&answer(1999, "OK", digest), Ok(()));
        check(&answer(1998, "OK", digest), Err("it answered with another id"));
        check(&answer(1999, "BAD_REQUEST", digest), Err("it answered with the code \"BAD_REQUEST\""));
        let found = format!("the digest of its document is 1, but CRC-32 makes it {digest}");
        check(&answer(1999, "OK", 1), Err(&found));
        check(r#"{"id":1999,"code":"OK"}"#, Err("its answer has no config, or no digest"));
        check(r#"{"id":1999,"code":"OK","config":"{}"}"#, Err("its answer has no config, or no digest"));
        for nonsense in [
            "",
            "OK",
            "null",
            "{}",
            r#"{"id":1999}"#,
            r#"{"id":"1999","code":"OK"}"#,
            r#"{"id":1999,"code":"OK","config":{},"digest":1}"#,
            r#"{"id":1999,"code":"OK","config":"","digest":-1}"#,
            r#"{"id":1999,"code":"OK","config":"","digest":4294967296}"#,
            r#"{"id":1999,"code":"OK"}{"#,
        ] {
            check(nonsense, Err("its answer is none to the question"));
        }
    }

    #[test]
    fn a_document_has_a_map_and_may_have_more() {
        let read = |text: &str| Document::new(text.to_owned()).entries().map(|entries| entries.len());
        assert_eq!(read(CONFIG).unwrap(), 1);
        assert_eq!(read(r#"{"deviceservicemap":{},"hubs":[1,{}]}"#).unwrap(), 0);
        for bad in ["", "{}", "[]", r#"{"deviceservicemap":null}"#, r#"{"deviceservicemap":{"/a":"b"}}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
