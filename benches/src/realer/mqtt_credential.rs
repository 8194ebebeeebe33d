//! Credentials for MQTT, asked for over HTTP as devices do: for a token a password, once (contract §7.2).

use std::io;
use std::sync::Arc;

use super::ControlDevice;
use super::token::{ask, bearer, fetch_token};
use crate::at_once::for_each;
use crate::error::RunError;
use crate::port::{Port, Stream};

/// The password of each device.
pub(crate) async fn fetch_mqtt_credentials(hub: &Port, devices: &[ControlDevice]) -> Result<Vec<String>, RunError> {
    let (hub, devices) = (hub.clone(), Arc::<[_]>::from(devices));
    let parts = devices.len().div_ceil(PART);
    let fetch = move |part: u64| {
        let (hub, devices) = (hub.clone(), Arc::clone(&devices));
        async move {
            let part = usize::try_from(part).expect("there are fewer parts than devices");
            fetch_some(&hub, devices.chunks(PART).nth(part).unwrap_or_default()).await
        }
    };
    Ok(for_each(0..parts as u64, fetch).await?.into_iter().flatten().collect())
}

async fn fetch_some(hub: &Port, devices: &[ControlDevice]) -> Result<Vec<String>, RunError> {
    let mut stream = hub.connect().await.map_err(RunError::io("connect a device"))?;
    let mut passwords = Vec::with_capacity(devices.len());
    for device in devices {
        let password = fetch(&mut stream, device).await;
        passwords.push(password.map_err(RunError::io(format!("fetch a credential of {}", device.id())))?);
    }
    Ok(passwords)
}

async fn fetch(stream: &mut Stream, device: &ControlDevice) -> io::Result<String> {
    let bearer = bearer(&fetch_token(stream, device, FORM).await?);
    let request = format!(
        "POST /iot/v1/mqtt-credentials HTTP/1.1\r\nHost: hub\r\n{bearer}\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    ask(stream, &request, (201, b"\"mqtt_credential\":")).await
}

/// The scopes of MQTT, which a token has only where they are asked for.
const FORM: &str = "grant_type=client_credentials&scope=iot%3Amqtt%3Aconnect%20iot%3Amqtt%3Aack%3Aread%20\
                    iot%3Amqtt%3Afeed-data%3Awrite%20iot%3Amqtt%3Adesired%3Aread";

/// Devices whose credentials are fetched over one connection.
const PART: usize = 50;
