//! What is printed of an event (pure).

use serde_json::Value;

use super::sse::Message;

/// Something that the hub told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// An event, with its line end.
    Event(String),
    /// Events that were missed, for people.
    Gap(String),
}

impl Line {
    pub(super) fn of(message: &Message, json: bool) -> Self {
        // What is no JSON reads as null, and its members as nothing.
        let event: Value = serde_json::from_str(&message.data).unwrap_or_default();
        match (message.event.as_str(), json) {
            ("reset", _) => Self::Gap(gap(event["missed"].as_u64())),
            // One line, whatever comes: the hub writes no line ends into JSON.
            (_, true) => Self::Event(format!("{}\n", message.data)),
            (_, false) => Self::Event(for_people(&event)),
        }
    }
}

fn gap(missed: Option<u64>) -> String {
    match missed {
        Some(count) => format!("{count} events are missing here: the hub keeps them no more"),
        None => {
            "events may be missing here: the hub does not know where this was, and tells all that it keeps".to_owned()
        }
    }
}

/// `2026-11-22T07:40:01.123Z  offline   PRINTER-001  epoch 1795343850090243  127.0.0.1:49822  closed_by_device`
fn for_people(event: &Value) -> String {
    let text = |name: &str| {
        let value = &event[name];
        value.as_str().map_or_else(|| value.to_string(), |text| text.replace(char::is_control, " "))
    };
    let said = |before: &str, name: &str| {
        if event[name].is_null() { String::new() } else { format!("  {before}{}", text(name)) }
    };
    let more = said("", "protocol") + &said("after epoch ", "previous_epoch") + &said("", "cause");
    format!(
        "{}  {:8}  {}  epoch {}  {}{more}\n",
        text("time"),
        text("kind"),
        text("device"),
        text("epoch"),
        text("peer")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str, data: &str, json: bool) -> Line {
        Line::of(&Message { event: event.to_owned(), data: data.to_owned() }, json)
    }

    #[test]
    fn each_kind_is_a_line() {
        let check = |kind: &str, more: &str, expected: &str| {
            let data = format!(
                r#"{{"id":9,"kind":"{kind}","device":"dev","epoch":7,"peer":"10.0.0.7:1","time":"2026-11-22T07:40:01.123Z"{more}}}"#
            );
            assert_eq!(line(kind, &data, false), Line::Event(format!("2026-11-22T07:40:01.123Z  {expected}\n")));
            assert_eq!(line(kind, &data, true), Line::Event(format!("{data}\n")));
        };
        check("online", r#","protocol":"mqtt""#, "online    dev  epoch 7  10.0.0.7:1  mqtt");
        check("offline", r#","cause":"heartbeat""#, "offline   dev  epoch 7  10.0.0.7:1  heartbeat");
        let more = r#","protocol":"rtio","previous_epoch":5"#;
        check("replaced", more, "replaced  dev  epoch 7  10.0.0.7:1  rtio  after epoch 5");
    }

    #[test]
    fn a_gap_is_for_people_in_both_forms() {
        for json in [false, true] {
            let Line::Gap(text) = line("reset", r#"{"missed":12}"#, json) else { panic!("a gap") };
            assert!(text.starts_with("12 events are missing"), "{text}");
            let Line::Gap(text) = line("reset", r#"{"missed":null}"#, json) else { panic!("a gap") };
            assert!(text.starts_with("events may be missing"), "{text}");
        }
    }

    #[test]
    fn what_is_no_event_of_ours_does_no_harm() {
        assert!(matches!(line("later", "no JSON", false), Line::Event(line) if line.ends_with("null\n")));
        let Line::Event(text) = line("online", r#"{"device":"a\n\u001b[2Jb"}"#, false) else { panic!("a line") };
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\u{1b}'));
    }
}
