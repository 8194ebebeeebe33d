//! The members of a JSON object, taken one by one; what is wrong with each is noted, and what nobody takes is unknown.

use super::json::Json;
use super::time;
use crate::realer::{Detail, InvalidId, Refusal, Text, Warning, Warnings};

/// What is left of an object, and what was wrong with the rest.
#[derive(Debug)]
pub(super) struct Fields {
    members: Vec<(String, Json)>,
    details: Vec<Detail>,
    warnings: Warnings,
}

impl Fields {
    /// The members of an object.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`]: it is none.
    pub(super) fn of(json: Json) -> Result<Self, Refusal> {
        match json {
            Json::Object(members) => Ok(Self { members, details: Vec::new(), warnings: Warnings::default() }),
            Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => {
                Err(Refusal::invalid("body", "no object"))
            }
        }
    }

    /// Notes what is wrong with a field.
    pub(super) fn refuse(&mut self, field: &'static str, problem: &'static str) {
        self.details.push(Detail::new(field, problem));
    }

    /// Whether something is wrong with a field.
    pub(super) fn is_refused(&self, field: &str) -> bool {
        self.details.iter().any(|detail| detail.field == field)
    }

    /// Whether there is such a member that is not `null`.
    pub(super) fn has(&self, field: &str) -> bool {
        self.members.iter().any(|(name, value)| name == field && *value != Json::Null)
    }

    /// Whether there is such a member, and it is `null`.
    pub(super) fn is_null(&self, field: &str) -> bool {
        self.members.iter().any(|(name, value)| name == field && *value == Json::Null)
    }

    /// The text of the only member of that name, which stays.
    pub(super) fn peek_text(&self, field: &str) -> Option<&str> {
        let mut members = self.members.iter().filter(|(name, _)| name == field);
        match (members.next(), members.next()) {
            (Some((_, Json::Text(text))), None) => Some(text),
            _ => None,
        }
    }

    /// Notes that it is required, unless something was noted already.
    pub(super) fn require<T>(&mut self, field: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.is_refused(field) {
            self.refuse(field, "required");
        }
        value
    }

    /// The member of that name, unless there is none or it is `null`.
    pub(super) fn take(&mut self, field: &'static str) -> Option<Json> {
        let place = self.members.iter().position(|(name, _)| name == field)?;
        let (_, value) = self.members.swap_remove(place);
        let before = self.members.len();
        self.members.retain(|(name, _)| name != field);
        if self.members.len() < before {
            self.refuse(field, "there more than once");
            return None;
        }
        (value != Json::Null).then_some(value)
    }

    /// A text.
    pub(super) fn text(&mut self, field: &'static str) -> Option<String> {
        let Json::Text(text) = self.take(field)? else {
            self.refuse(field, "no string");
            return None;
        };
        Some(text)
    }

    /// A list.
    pub(super) fn list(&mut self, field: &'static str) -> Option<Vec<Json>> {
        let Json::List(list) = self.take(field)? else {
            self.refuse(field, "no array");
            return None;
        };
        Some(list)
    }

    /// An id of the kind that `parse` reads.
    pub(super) fn id<T>(&mut self, field: &'static str, parse: fn(&str) -> Result<T, InvalidId>) -> Option<T> {
        let id = parse(&self.text(field)?);
        if id.is_err() {
            self.refuse(field, "no id of this kind");
        }
        id.ok()
    }

    /// A number without a fraction, from 0 to the largest that has 63 bits.
    pub(super) fn whole(&mut self, field: &'static str) -> Option<u64> {
        match self.take(field)? {
            Json::Whole(number) if number <= i64::MAX.cast_unsigned() => Some(number),
            Json::Null
            | Json::Bool(_)
            | Json::Whole(_)
            | Json::Number(_)
            | Json::Text(_)
            | Json::List(_)
            | Json::Object(_) => {
                self.refuse(field, "no integer from 0");
                None
            }
        }
    }

    /// A moment, in milliseconds since 1970.
    pub(super) fn time(&mut self, field: &'static str) -> Option<i64> {
        let ms = time::parse(&self.text(field)?);
        if ms.is_none() {
            self.refuse(field, "no time with a zone");
        }
        ms
    }

    /// A value; what is a number or a boolean is written as text. (§1.3)
    pub(super) fn value(&mut self) -> Option<Text> {
        let text = match self.take("value")? {
            Json::Text(text) => text,
            Json::Bool(on) => self.coerced(u8::from(on).to_string()),
            Json::Whole(number) => self.coerced(number.to_string()),
            Json::Number(number) => self.coerced(number),
            Json::Null | Json::List(_) | Json::Object(_) => {
                self.refuse("value", "no string");
                return None;
            }
        };
        let value = Text::parse(&text);
        if value.is_none() {
            self.refuse("value", if text.is_empty() { "empty" } else { "longer than 255 characters" });
        }
        value
    }

    fn coerced(&mut self, text: String) -> String {
        self.warnings = self.warnings.with(Warning::ValueCoerced);
        text
    }

    /// Ends with a warning where something is left. (§1.3)
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`]: something was noted.
    pub(super) fn finish(self) -> Result<Warnings, Refusal> {
        let unknown = !self.members.is_empty();
        if self.details.is_empty() {
            Ok(if unknown { self.warnings.with(Warning::UnknownField) } else { self.warnings })
        } else {
            Err(Refusal::Invalid(self.details))
        }
    }

    /// Ends where nothing is left: of who writes a wish, none must be lost to a slip.
    ///
    /// # Errors
    ///
    /// [`Refusal::Invalid`]: something was noted, or is left.
    pub(super) fn finish_known(mut self) -> Result<(), Refusal> {
        let unknown = self.members.drain(..).take(MAX_UNKNOWN_TOLD);
        let told = |(name, _): (String, Json)| {
            Detail::new(name.chars().take(MAX_NAME_CHARS).collect::<String>(), "unknown field")
        };
        self.details.extend(unknown.map(told));
        if self.details.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.details)) }
    }
}

/// Unknown fields that a refusal names: the first will do to find the rest.
const MAX_UNKNOWN_TOLD: usize = 8;

/// Of an unknown field's name, what a refusal repeats.
const MAX_NAME_CHARS: usize = 64;
