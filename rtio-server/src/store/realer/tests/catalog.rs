//! Devices, commands, sensors and resources (contract §3, §4).

use super::*;

#[tokio::test]
async fn what_was_put_is_read_also_after_a_restart() {
    let place = Greenhouse::new().await;
    let place = place.reopened();
    let catalog = place.store.catalog(&place.device).await.unwrap().unwrap();
    assert_eq!((catalog.commands, catalog.sensors), (vec![relay()], vec![thermistor()]));
    assert_eq!(catalog.device.settings, settings("greenhouse"));
    assert_eq!(catalog.device.created_ms, 1_000);
    assert_eq!(place.store.catalog(&device('x')).await.unwrap(), None);
    let credential = place.store.authenticate(&place.device, secret('s').reveal().as_bytes()).await.unwrap();
    assert_eq!(credential.map(|credential| credential.0.get()), Some(1));
}

#[tokio::test]
async fn a_device_of_the_registry_alone_is_no_control_device() {
    use crate::hub::ports::DeviceRegistry;
    let place = Greenhouse::new().await;
    let printer = DeviceId::parse("PRINTER-001").unwrap();
    place.store.add(vec![crate::hub::NewDevice { id: printer.clone(), secret: secret('p') }]).await.unwrap();
    assert_eq!(place.store.authenticate(&printer, secret('p').reveal().as_bytes()).await.unwrap(), None);
    assert_eq!(place.store.control_device(&printer).await.unwrap(), None);
    let all = place.store.control_devices(None, 10).await.unwrap();
    assert_eq!(all.iter().map(|device| device.id.clone()).collect::<Vec<_>>(), [device('a')]);
    assert!(place.store.control_devices(Some(&device('a')), 10).await.unwrap().is_empty());
}

/// §3: a catalog revision changes with a definition, and not with a value; a runtime revision with protocols and plan.
#[tokio::test]
async fn revisions_grow_with_what_firmware_sees_once_a_request() {
    let place = Greenhouse::new().await;
    let device = place.device.clone();
    assert_eq!(place.revisions().await, (2, 1), "added with its sources in one request");
    let put = |command| CatalogChange::PutCommand { device: device.clone(), command };
    let changed = |settings| CatalogChange::ChangeDevice { id: device.clone(), settings };
    let unseen = Command { value: "7".to_owned(), label: "window".to_owned(), min: None, ..relay() };
    let plan = Plan { max_batch_items: Some(7), ..Plan::default() };
    for (change, expected) in [
        (put(relay()), (2, 1)),
        (put(unseen.clone()), (2, 1)),
        (put(Command { pin_port: "9".to_owned(), ..unseen.clone() }), (3, 1)),
        (changed(DeviceSettings { subscription: Subscription::Inactive, ..settings("other") }), (3, 1)),
        (changed(DeviceSettings { plan, ..settings("other") }), (3, 2)),
        (CatalogChange::RemoveSensor { device: device.clone(), id: sensor_id('t') }, (4, 2)),
    ] {
        place.change(vec![change.clone()]).await.unwrap();
        assert_eq!(place.revisions().await, expected, "{change:?}");
    }
}

/// §3: what a device has cached matches no other catalog, also where the rows that knew its number are gone.
#[tokio::test]
async fn a_revision_never_comes_again_after_a_restore_or_a_second_beginning() {
    let place = Greenhouse::new().await;
    let put = |kind: &str| {
        let command = Command { kind: kind.to_owned(), ..relay() };
        CatalogChange::PutCommand { device: device('a'), command }
    };
    let change = async |change, now_ms| {
        place.store.change_catalog(vec![change], now_ms).await.unwrap();
        place.revisions().await
    };
    assert_eq!(change(put("fan"), 500_000).await, (500, 1), "the second of the change");
    assert_eq!(change(put("pump"), 500_999).await, (501, 1), "another in the same second");
    assert_eq!(change(put("lamp"), 400_000).await, (502, 1), "a clock that went back");
    let plan = Plan { max_batch_items: Some(7), ..Plan::default() };
    let settings = DeviceSettings { plan, ..settings("greenhouse") };
    assert_eq!(
        change(CatalogChange::ChangeDevice { id: device('a'), settings: settings.clone() }, 600_000).await,
        (502, 600)
    );
    let again = [
        CatalogChange::RemoveDevice(device('a')),
        CatalogChange::AddDevice { id: device('a'), secret: secret('s'), settings },
    ];
    place.store.change_catalog(again.into(), 700_000).await.unwrap();
    assert_eq!(place.revisions().await, (700, 700), "the first ones of a device that was there before");
}

#[tokio::test]
async fn resources_are_contexts_and_their_end_changes_the_contract() {
    let place = Greenhouse::new().await;
    let resource = |letter, label: &str| Resource { id: resource_id(letter), label: label.to_owned() };
    let put = |resources| CatalogChange::PutCommand { device: device('a'), command: Command { resources, ..relay() } };
    let two = vec![resource_id('2'), resource_id('1')];
    let resources = [resource('2', "bed"), resource('1', "roof")];
    place.change(resources.map(CatalogChange::PutResource).into()).await.unwrap();
    place.change(vec![put(two.clone())]).await.unwrap();
    assert_eq!(place.revisions().await.0, 3);
    place.change(vec![put(vec![resource_id('1'), resource_id('2'), resource_id('1')])]).await.unwrap();
    assert_eq!(place.revisions().await.0, 3, "their order says nothing");
    let commands = place.store.catalog(&place.device).await.unwrap().unwrap().commands;
    assert_eq!(commands[0].resources, [resource_id('1'), resource_id('2')]);
    let changed = place.change(vec![CatalogChange::RemoveResource(resource_id('1'))]).await.unwrap();
    assert_eq!(changed, [device('a')], "it is to be told, though it was not named");
    assert_eq!(place.revisions().await.0, 4);
    assert_eq!(place.store.resources(None, 9).await.unwrap(), [resource('2', "bed")]);
    let error = place.change(vec![put(two)]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("there is no resource res_{}", body('1')));
}

#[tokio::test]
async fn a_request_of_which_one_change_fails_changes_nothing() {
    let place = Greenhouse::new().await;
    let unknown = CatalogChange::RemoveCommand { device: device('a'), id: command_id('x') };
    let good = CatalogChange::RemoveSensor { device: device('a'), id: sensor_id('t') };
    let error = place.change(vec![good, unknown]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cdv_{} has no cmd_{}", body('a'), body('x')));
    assert_eq!(place.store.catalog(&place.device).await.unwrap().unwrap().sensors, [thermistor()]);
    assert_eq!(place.revisions().await, (2, 1));
}

#[tokio::test]
async fn names_and_labels_are_taken_once() {
    let place = Greenhouse::new().await;
    let add =
        |letter, label| CatalogChange::AddDevice { id: device(letter), secret: secret('z'), settings: settings(label) };
    place.change(vec![add('b', "cellar")]).await.unwrap();
    let put = |device_letter, command| CatalogChange::PutCommand { device: device(device_letter), command };
    let taken = |name: String| format!("there is a {name} already");
    for (change, expected) in [
        (add('a', "new"), taken(format!("device cdv_{}", body('a')))),
        (add('c', "cellar"), taken("device cellar".to_owned())),
        (
            CatalogChange::ChangeDevice { id: device('a'), settings: settings("cellar") },
            taken("device cellar".to_owned()),
        ),
        (put('b', relay()), taken(format!("command cmd_{}", body('r')))),
        (put('a', Command { id: command_id('q'), ..relay() }), taken("command vent".to_owned())),
        (put('x', relay()), format!("there is no control device cdv_{}", body('x'))),
    ] {
        assert_eq!(place.change(vec![change]).await.unwrap_err().to_string(), expected);
    }
    place.change(vec![put('b', Command { id: command_id('q'), ..relay() })]).await.unwrap();
}

#[tokio::test]
async fn a_device_has_so_many_commands_and_no_more() {
    use crate::realer::{MAX_RESOURCES, MAX_SOURCES};
    let place = Greenhouse::new().await;
    let put = |number: usize| {
        let (id, label) = (CommandId::parse(&format!("cmd_{number:026}")).unwrap(), number.to_string());
        CatalogChange::PutCommand { device: device('a'), command: Command { id, label, ..relay() } }
    };
    place.change((1..MAX_SOURCES).map(put).collect()).await.unwrap();
    let error = place.change(vec![put(MAX_SOURCES)]).await.unwrap_err();
    assert!(matches!(error, CatalogError::Full { what: "commands", max: MAX_SOURCES, .. }), "{error}");
    place.change(vec![put(1)]).await.unwrap();
    let resources = (0..=MAX_RESOURCES).map(|number| ResourceId::parse(&format!("res_{number:026}")).unwrap());
    let sensor = Sensor { resources: resources.collect(), ..thermistor() };
    let error = place.change(vec![CatalogChange::PutSensor { device: device('a'), sensor }]).await.unwrap_err();
    assert!(matches!(error, CatalogError::Full { max: MAX_RESOURCES, .. }), "{error}");
}

#[tokio::test]
async fn a_command_that_changes_keeps_the_value_that_it_has() {
    let place = Greenhouse::new().await;
    place.wish('d', "7", 2_000).await.unwrap();
    let command = Command { label: "window".to_owned(), value: "1".to_owned(), ..relay() };
    place.change(vec![CatalogChange::PutCommand { device: device('a'), command }]).await.unwrap();
    let commands = place.store.catalog(&device('a')).await.unwrap().unwrap().commands;
    assert_eq!((commands[0].label.as_str(), commands[0].value.as_str()), ("window", "7"));
}

#[tokio::test]
async fn a_device_is_removed_with_all_that_it_has_in_one_request_with_others() {
    use crate::hub::ports::DeviceRegistry;
    let place = Greenhouse::new().await;
    let add = CatalogChange::AddDevice { id: device('b'), secret: secret('z'), settings: settings("greenhouse") };
    let change =
        CatalogChange::PutCommand { device: device('a'), command: Command { kind: "fan".to_owned(), ..relay() } };
    place.change(vec![change, CatalogChange::RemoveDevice(device('a')), add]).await.unwrap();
    assert_eq!(place.store.catalog(&device('a')).await.unwrap(), None);
    assert!(place.store.device(&device('a')).await.is_err(), "it is no device of the registry, either");
    assert!(place.store.control_device(&device('b')).await.unwrap().is_some(), "with the label that is free again");
    let again = place.change(vec![CatalogChange::RemoveDevice(device('a'))]).await.unwrap_err();
    assert!(matches!(again, CatalogError::UnknownDevice(_)), "{again}");
}
