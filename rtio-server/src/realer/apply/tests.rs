//! Applying and exporting, on catalogs that are made up: what is there is a value, and changes are carried out on it as a store does.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::hub::{Access, DeviceId};
use crate::realer::ports::CatalogChange;
use crate::realer::{Catalog, ControlDevice, Revisions, is_control_device};

const GREENHOUSE: &str = r#"
[[resources]]
label = "Bench 1"

[[devices]]
label = "greenhouse"
subscription = "active"
protocols = ["https", "rtio"]

  [[devices.commands]]
  label = "Heater"
  kind = "relay"
  value_type = "NumericRange"
  pin_port = "6"
  value = "0.0"
  min = 0.0
  max = 1.0
  adoption = "off"
  resources = ["Bench 1"]

  [[devices.sensors]]
  label = "Air temperature"
  kind = "thermistor"
  qc = "celsius_temperature"
  mu = "degree_celsius:0"
  pin_port = "5"
  resources = ["Bench 1"]
"#;

fn greenhouse() -> CatalogFile {
    CatalogFile::parse(GREENHOUSE, Format::Toml).unwrap()
}

fn planned(file: &CatalogFile, present: &Present, others: Others) -> Plan {
    plan(file, present, others, 1_000).unwrap_or_else(|error| panic!("{error}"))
}

fn fault(text: &str) -> String {
    let file = CatalogFile::parse(text, Format::Toml).unwrap();
    plan(&file, &Present::default(), Others::Stay, 0).unwrap_err().to_string()
}

/// What is there after the changes.
fn carried_out(mut present: Present, plan: Plan) -> Present {
    plan.changes.into_iter().for_each(|change| carry_out(&mut present, change));
    present
}

fn carry_out(present: &mut Present, change: CatalogChange) {
    match change {
        CatalogChange::AddDevice { id, settings, .. } => {
            assert!(is_control_device(&id));
            let revisions = Revisions { catalog: 1, runtime: 1 };
            let device = ControlDevice { id: id.clone(), access: Access::Enabled, created_ms: 0, settings, revisions };
            let catalog = Catalog { device: device.clone(), commands: Vec::new(), sensors: Vec::new() };
            assert!(present.catalogs.insert(id, catalog).is_none());
            present.devices.push(device);
        }
        CatalogChange::ChangeDevice { id, settings } => {
            present.devices.iter_mut().find(|device| device.id == id).unwrap().settings = settings;
        }
        CatalogChange::RemoveDevice(id) => {
            present.devices.retain(|device| device.id != id);
            // Its catalog may not have been read.
            present.catalogs.remove(&id);
        }
        CatalogChange::PutResource(resource) => {
            present.resources.retain(|other| other.id != resource.id);
            present.resources.push(resource);
        }
        CatalogChange::RemoveResource(id) => present.resources.retain(|resource| resource.id != id),
        CatalogChange::PutCommand { device, command } => {
            let commands = &mut catalog(present, &device).commands;
            commands.retain(|other| other.id != command.id);
            commands.push(command);
        }
        CatalogChange::RemoveCommand { device, id } => catalog(present, &device).commands.retain(|it| it.id != id),
        CatalogChange::PutSensor { device, sensor } => {
            let sensors = &mut catalog(present, &device).sensors;
            sensors.retain(|other| other.id != sensor.id);
            sensors.push(sensor);
        }
        CatalogChange::RemoveSensor { device, id } => catalog(present, &device).sensors.retain(|it| it.id != id),
    }
}

fn catalog<'a>(present: &'a mut Present, device: &DeviceId) -> &'a mut Catalog {
    present.catalogs.get_mut(device).unwrap()
}

#[test]
fn a_file_is_told_thing_by_thing_and_field_by_field() {
    let plan = planned(&greenhouse(), &Present::default(), Others::Stay);
    assert_eq!(plan.issued.len(), 1);
    let told = plan.report.clone().of_nothing_done().to_string();
    let lines: Vec<_> = told.lines().filter(|line| !line.starts_with(' ')).collect();
    let expected = ["+ resource Bench 1", "+ device greenhouse", "+ command Heater of greenhouse"];
    assert_eq!(lines, [&expected[..], &["+ sensor Air temperature of greenhouse"]].concat());
    assert!(told.contains("    resources: [\"Bench 1\"]\n") && told.contains("    max: 1.0\n"), "{told}");

    let present = carried_out(Present::default(), plan);
    let mut file = greenhouse();
    file.devices[0].commands[0].max = Some(2.0);
    file.devices[0].commands[0].value = Some("0.7".to_owned());
    let told = planned(&file, &present, Others::Stay).report.to_string();
    let id = &present.catalogs.values().next().unwrap().commands[0].id;
    assert_eq!(told, format!("~ command Heater of greenhouse ({id})\n    max: 1.0 -> 2.0\n"));
}

#[test]
fn things_that_are_not_in_the_file_go_only_if_it_is_said() {
    let present = carried_out(Present::default(), planned(&greenhouse(), &Present::default(), Others::Stay));
    let mut file = greenhouse();
    file.devices[0].sensors.clear();
    assert_eq!(planned(&file, &present, Others::Stay).report, Report::default());
    let plan = planned(&file, &present, Others::Go);
    assert!(plan.report.to_string().starts_with("- sensor Air temperature of greenhouse ("), "{}", plan.report);
    let plan = planned(&CatalogFile::default(), &present, Others::Go);
    let present = carried_out(present, plan);
    assert!(present.devices.is_empty() && present.resources.is_empty());
}

#[test]
fn a_label_changes_where_the_id_is_given() {
    let present = carried_out(Present::default(), planned(&greenhouse(), &Present::default(), Others::Stay));
    let mut file = export(&present);
    file.resources[0].label = "Bench 2".to_owned();
    file.devices[0].commands[0].resources = vec!["Bench 2".to_owned()];
    file.devices[0].sensors[0].resources = vec!["Bench 2".to_owned()];
    let report = planned(&file, &present, Others::Stay).report;
    let [Change { kind: Kind::Resource, action: Action::Change, fields, .. }] = &report.changes[..] else {
        panic!("{report}")
    };
    assert_eq!((fields[0].before.as_str(), fields[0].after.as_str()), (Some("Bench 1"), Some("Bench 2")));
}

#[test]
fn a_device_of_a_new_id_is_added_with_it_and_its_subscription_stays_unless_it_is_said() {
    let id = "cdv_01jv3k9a0b1c2d3e4f5g6h7j8k";
    let file = |rest: &str| {
        CatalogFile::parse(&format!("[[devices]]\nid = \"{id}\"\nlabel = \"a\"\n{rest}"), Format::Toml).unwrap()
    };
    let plan = planned(&file("subscription = \"inactive\""), &Present::default(), Others::Stay);
    let present = carried_out(Present::default(), plan);
    assert_eq!(present.devices[0].id.as_str(), id);
    assert!(planned(&file(""), &present, Others::Stay).changes.is_empty());
    assert_eq!(planned(&file("subscription = \"active\""), &present, Others::Stay).changes.len(), 1);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let command = "[[devices]]\nlabel = \"a\"\n[[devices.commands]]\nlabel = \"b\"\n";
    for (text, told) in [
        ("[[devices]]\nlabel = \"\"".to_owned(), "devices[].label: expected 1 to 128"),
        ("[[devices]]\nid = \"x\"\nlabel = \"a\"".to_owned(), "devices[a].id: expected cdv_ and 26"),
        (
            "[[resources]]\nid = \"cmd_1\"\nlabel = \"a\"".to_owned(),
            "resources[a].id: expected an id of this kind is res_",
        ),
        (format!("{command}kind = \"\u{fc}\""), "devices[a].commands[b].kind: expected"),
        (format!("{command}value = \"on\""), "devices[a].commands[b].value: expected the text of a decimal number"),
        (format!("{command}min = nan"), "devices[a].commands[b].min: expected a finite number"),
        (format!("{command}resources = [\"c\"]"), "devices[a].commands[b].resources: expected ids or labels"),
        (
            format!("{command}[[devices.commands]]\nlabel = \"b\""),
            "devices[a].commands[b].label: expected each thing once",
        ),
        ("[[devices]]\nlabel=\"a\"\n[[devices]]\nlabel=\"a\"".to_owned(), "devices[a].label: expected each thing once"),
        (
            "[[devices]]\nlabel=\"a\"\nmax_batch_items=0".to_owned(),
            "devices[a].max_batch_items: expected a whole number",
        ),
    ] {
        let fault = fault(&text);
        assert!(fault.starts_with(told), "{fault}");
    }
    for text in ["devices = 7", "[[devices]]", "[[devices]]\nlabel = \"a\"\ncolour = \"red\"", "["] {
        assert!(CatalogFile::parse(text, Format::Toml).is_err(), "{text}");
    }
    assert!(CatalogFile::parse(r#"{"devices":[{"label":7}]}"#, Format::Json).is_err());
}

#[test]
fn a_label_of_something_else_is_refused() {
    let present = carried_out(Present::default(), planned(&greenhouse(), &Present::default(), Others::Stay));
    let text = "[[resources]]\nid = \"res_01jv3kc5d7e9f1g3h5j7k9m1n3\"\nlabel = \"Bench 1\"";
    let file = CatalogFile::parse(text, Format::Toml).unwrap();
    let fault = plan(&file, &present, Others::Stay, 0).unwrap_err().to_string();
    assert_eq!(fault, "resources[Bench 1].label: expected one that nothing else has");
}

#[test]
fn a_device_has_256_commands_at_most_and_a_file_100_000_things() {
    let with = |count: usize| {
        let mut file = greenhouse();
        let command = file.devices[0].commands.pop().unwrap();
        let named = |nth| CommandEntry { label: format!("c{nth}"), ..command.clone() };
        file.devices[0].commands = (0..count).map(named).collect();
        plan(&file, &Present::default(), Others::Stay, 0)
    };
    assert!(with(256).is_ok());
    assert!(with(257).unwrap_err().to_string().starts_with("devices[greenhouse].commands: expected at most 256"));
    let file = |count| CatalogFile {
        resources: (0..count).map(|nth| ResourceEntry { id: None, label: format!("r{nth}") }).collect(),
        devices: Vec::new(),
    };
    let parsed = |count| CatalogFile::parse(&file(count).write(Format::Json), Format::Json);
    assert!(parsed(MAX_THINGS).is_ok());
    assert!(matches!(parsed(MAX_THINGS + 1), Err(FileError::TooMany { count: 100_001 })));
}

/// Any file that can be applied to an empty hub.
fn any_file() -> impl Strategy<Value = CatalogFile> {
    let labels = subsequence(vec!["a", "b", "c ü", "Bench 1"], 0..=4);
    let devices = subsequence(vec!["one", "two", "drei ☀"], 0..=3);
    (labels, devices).prop_flat_map(|(labels, devices)| {
        let resources: Vec<_> =
            labels.iter().map(|label| ResourceEntry { id: None, label: (*label).to_owned() }).collect();
        let devices: Vec<_> = devices.into_iter().map(|label| any_device(label, labels.clone())).collect();
        devices.prop_map(move |devices| CatalogFile { resources: resources.clone(), devices })
    })
}

fn any_device(label: &'static str, resources: Vec<&'static str>) -> impl Strategy<Value = DeviceEntry> {
    let head = (
        proptest::option::of(select(vec!["active", "inactive"])),
        proptest::option::of(subsequence(vec!["https", "mqtt", "rtio"], 1..=3).prop_shuffle()),
        proptest::option::of(0..=86_400_000_u32),
        proptest::option::of(1..=1000_u32),
    );
    let commands = subsequence(vec!["x", "y", "z"], 0..=3);
    let sensors = subsequence(vec!["x", "s"], 0..=2);
    (head, commands, sensors).prop_flat_map(move |(head, commands, sensors)| {
        let commands: Vec<_> = commands.into_iter().map(|label| any_command(label, resources.clone())).collect();
        let sensors: Vec<_> = sensors.into_iter().map(|label| any_sensor(label, resources.clone())).collect();
        (commands, sensors).prop_map(move |(commands, sensors)| {
            let (subscription, protocols, interval, items) = head.clone();
            let json = serde_json::json!({
                "label": label, "subscription": subscription, "protocols": protocols,
                "minimum_interval_ms": interval, "max_batch_items": items,
            });
            DeviceEntry { commands, sensors, ..serde_json::from_value(json).unwrap() }
        })
    })
}

fn any_command(label: &'static str, resources: Vec<&'static str>) -> impl Strategy<Value = CommandEntry> {
    let count = resources.len();
    let range = (proptest::option::of(-5.5..0.0), proptest::option::of(1.0..9.5));
    let texts = (select(vec!["", "relay"]), select(vec!["NumericRange", "Binary", "Customary"]));
    let value = proptest::option::of(select(vec!["0", "1.0"]));
    (texts, range, value, any::<bool>(), subsequence(resources, 0..=count).prop_shuffle()).prop_map(
        move |((kind, value_type), (min, max), value, adopts, resources)| {
            let adoption = if adopts { "on" } else { "off" };
            let json = serde_json::json!({
                "label": label, "kind": kind, "value_type": value_type, "value": value, "min": min, "max": max,
                "adoption": adoption, "resources": resources,
            });
            serde_json::from_value(json).unwrap()
        },
    )
}

fn any_sensor(label: &'static str, resources: Vec<&'static str>) -> impl Strategy<Value = SensorEntry> {
    let count = resources.len();
    let texts = (select(vec!["", "thermistor"]), select(vec!["", "degree_celsius:0"]));
    (texts, subsequence(resources, 0..=count)).prop_map(move |((kind, mu), resources)| SensorEntry {
        id: None,
        label: label.to_owned(),
        kind: kind.to_owned(),
        qc: String::new(),
        mu: mu.to_owned(),
        pin_port: String::new(),
        resources: resources.into_iter().map(str::to_owned).collect(),
    })
}

fn others() -> impl Strategy<Value = Others> {
    select(vec![Others::Stay, Others::Go])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_file_of_what_is_there_changes_nothing(file in any_file(), others in others(), format in select(vec![Format::Toml, Format::Json])) {
        let present = carried_out(Present::default(), planned(&file, &Present::default(), Others::Stay));
        let exported = export(&present);
        let read = CatalogFile::parse(&exported.write(format), format).unwrap();
        prop_assert_eq!(&read, &exported);
        let again = planned(&read, &present, others);
        prop_assert!(again.changes.is_empty() && again.report.changes.is_empty(), "{}", again.report);
    }

    #[test]
    fn no_file_changes_anything_the_second_time(first in any_file(), second in any_file(), others in others()) {
        let present = carried_out(Present::default(), planned(&first, &Present::default(), Others::Stay));
        let plan = planned(&second, &present, others);
        prop_assert_eq!(plan.changes.len(), plan.report.changes.len());
        let present = carried_out(present, plan);
        let again = planned(&second, &present, others);
        prop_assert!(again.changes.is_empty(), "{}", again.report);
        let named = named_devices(&second, &present.devices).unwrap();
        prop_assert_eq!(named.len(), second.devices.len());
        if others == Others::Go {
            prop_assert_eq!(present.devices.len(), second.devices.len());
            prop_assert_eq!(present.resources.len(), second.resources.len());
        }
    }

    #[test]
    fn a_hub_is_made_anew_from_its_file(file in any_file()) {
        let present = carried_out(Present::default(), planned(&file, &Present::default(), Others::Stay));
        let exported = export(&present);
        let copy = carried_out(Present::default(), planned(&exported, &Present::default(), Others::Stay));
        let sorted = |present: Present| {
            let catalogs: HashMap<_, _> = present.catalogs.into_iter().map(|(id, it)| (id, (it.commands, it.sensors))).collect();
            (present.resources, present.devices, catalogs)
        };
        prop_assert_eq!(sorted(copy), sorted(present));
    }
}
