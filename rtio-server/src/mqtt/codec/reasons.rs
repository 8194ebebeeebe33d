//! Each reason of this edge as the code of either version, and each error of the library as a reason of this edge. One table, and no
//! “anything else”: a new reason does not compile before it is here.

use mqtt_protocol_core::mqtt::result_code::{
    ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, MqttError, PubackReasonCode, SubackReasonCode,
    SubackReturnCode, UnsubackReasonCode,
};

use crate::mqtt::packet::{ConnectRefusal, PublishRefusal, Qos, Reason, SubscribeRefusal};

pub(super) const fn disconnect(reason: Reason) -> DisconnectReasonCode {
    match reason {
        Reason::Malformed => DisconnectReasonCode::MalformedPacket,
        Reason::ProtocolError => DisconnectReasonCode::ProtocolError,
        Reason::NotAuthorized => DisconnectReasonCode::NotAuthorized,
        Reason::KeepAliveTimeout => DisconnectReasonCode::KeepAliveTimeout,
        Reason::TakenOver => DisconnectReasonCode::SessionTakenOver,
        Reason::ReceiveMaximumExceeded => DisconnectReasonCode::ReceiveMaximumExceeded,
        Reason::PacketTooLarge => DisconnectReasonCode::PacketTooLarge,
        Reason::TopicAliasInvalid => DisconnectReasonCode::TopicAliasInvalid,
        Reason::QosNotSupported => DisconnectReasonCode::QosNotSupported,
        Reason::RetainNotSupported => DisconnectReasonCode::RetainNotSupported,
        Reason::SubscriptionIdentifierNotSupported => DisconnectReasonCode::SubscriptionIdentifiersNotSupported,
        Reason::ShuttingDown => DisconnectReasonCode::ServerShuttingDown,
        Reason::Administrative => DisconnectReasonCode::AdministrativeAction,
        Reason::QuotaExceeded => DisconnectReasonCode::QuotaExceeded,
    }
}

/// Of a client that broke the protocol before it was let in. CONNACK has no code for what only later packets can do.
pub(super) const fn connack_of_reason(reason: Reason) -> ConnectReasonCode {
    match reason {
        Reason::Malformed => ConnectReasonCode::MalformedPacket,
        Reason::NotAuthorized => ConnectReasonCode::NotAuthorized,
        Reason::PacketTooLarge => ConnectReasonCode::PacketTooLarge,
        Reason::QosNotSupported => ConnectReasonCode::QosNotSupported,
        Reason::RetainNotSupported => ConnectReasonCode::RetainNotSupported,
        Reason::QuotaExceeded => ConnectReasonCode::QuotaExceeded,
        Reason::ShuttingDown => ConnectReasonCode::ServerUnavailable,
        Reason::ProtocolError
        | Reason::KeepAliveTimeout
        | Reason::TakenOver
        | Reason::ReceiveMaximumExceeded
        | Reason::TopicAliasInvalid
        | Reason::SubscriptionIdentifierNotSupported
        | Reason::Administrative => ConnectReasonCode::ProtocolError,
    }
}

/// `None`: 3.1.1 closes without a word.
pub(super) const fn connack_v3(refusal: ConnectRefusal) -> Option<ConnectReturnCode> {
    match refusal {
        ConnectRefusal::Malformed => None,
        ConnectRefusal::UnsupportedVersion => Some(ConnectReturnCode::UnacceptableProtocolVersion),
        ConnectRefusal::ClientId => Some(ConnectReturnCode::IdentifierRejected),
        ConnectRefusal::BadCredential => Some(ConnectReturnCode::BadUserNameOrPassword),
        ConnectRefusal::NotAuthorized => Some(ConnectReturnCode::NotAuthorized),
        ConnectRefusal::Unavailable => Some(ConnectReturnCode::ServerUnavailable),
    }
}

pub(super) const fn connack_v5(refusal: ConnectRefusal) -> ConnectReasonCode {
    match refusal {
        ConnectRefusal::Malformed => ConnectReasonCode::MalformedPacket,
        ConnectRefusal::UnsupportedVersion => ConnectReasonCode::UnsupportedProtocolVersion,
        ConnectRefusal::ClientId => ConnectReasonCode::ClientIdentifierNotValid,
        ConnectRefusal::BadCredential => ConnectReasonCode::BadUserNameOrPassword,
        ConnectRefusal::NotAuthorized => ConnectReasonCode::NotAuthorized,
        ConnectRefusal::Unavailable => ConnectReasonCode::ServerUnavailable,
    }
}

pub(super) const fn puback(refusal: PublishRefusal) -> PubackReasonCode {
    match refusal {
        PublishRefusal::NotAuthorized => PubackReasonCode::NotAuthorized,
    }
}

pub(super) const fn suback_v3(result: Result<Qos, SubscribeRefusal>) -> SubackReturnCode {
    match result {
        Ok(Qos::AtMostOnce) => SubackReturnCode::SuccessMaximumQos0,
        Ok(Qos::AtLeastOnce) => SubackReturnCode::SuccessMaximumQos1,
        Err(SubscribeRefusal::NotAuthorized | SubscribeRefusal::TooMany | SubscribeRefusal::Unavailable) => {
            SubackReturnCode::Failure
        }
    }
}

pub(super) const fn suback_v5(result: Result<Qos, SubscribeRefusal>) -> SubackReasonCode {
    match result {
        Ok(Qos::AtMostOnce) => SubackReasonCode::GrantedQos0,
        Ok(Qos::AtLeastOnce) => SubackReasonCode::GrantedQos1,
        Err(SubscribeRefusal::NotAuthorized) => SubackReasonCode::NotAuthorized,
        Err(SubscribeRefusal::TooMany) => SubackReasonCode::QuotaExceeded,
        Err(SubscribeRefusal::Unavailable) => SubackReasonCode::UnspecifiedError,
    }
}

pub(super) const fn unsuback(existed: bool) -> UnsubackReasonCode {
    if existed { UnsubackReasonCode::Success } else { UnsubackReasonCode::NoSubscriptionExisted }
}

/// What the library says of a client's packet; text that is none it calls by the field. Its words for what the sender of a packet does wrong never come from one that is read.
pub(super) const fn of_error(error: MqttError) -> Reason {
    match error {
        MqttError::MalformedPacket
        | MqttError::InsufficientBytes
        | MqttError::ValueOutOfRange
        | MqttError::InvalidQos
        | MqttError::ClientIdentifierNotValid
        | MqttError::BadUserNameOrPassword
        | MqttError::TopicFilterInvalid
        | MqttError::TopicNameInvalid
        | MqttError::PayloadFormatInvalid => Reason::Malformed,
        MqttError::NotAuthorized => Reason::NotAuthorized,
        MqttError::KeepAliveTimeout => Reason::KeepAliveTimeout,
        MqttError::SessionTakenOver => Reason::TakenOver,
        MqttError::ReceiveMaximumExceeded => Reason::ReceiveMaximumExceeded,
        MqttError::TopicAliasInvalid => Reason::TopicAliasInvalid,
        MqttError::PacketTooLarge => Reason::PacketTooLarge,
        MqttError::QuotaExceeded => Reason::QuotaExceeded,
        MqttError::RetainNotSupported => Reason::RetainNotSupported,
        MqttError::QosNotSupported => Reason::QosNotSupported,
        MqttError::SubscriptionIdentifiersNotSupported => Reason::SubscriptionIdentifierNotSupported,
        MqttError::ServerShuttingDown => Reason::ShuttingDown,
        MqttError::AdministrativeAction => Reason::Administrative,
        MqttError::UnspecifiedError
        | MqttError::ProtocolError
        | MqttError::ImplementationSpecificError
        | MqttError::UnsupportedProtocolVersion
        | MqttError::ServerUnavailable
        | MqttError::ServerBusy
        | MqttError::Banned
        | MqttError::BadAuthenticationMethod
        | MqttError::MessageRateTooHigh
        | MqttError::UseAnotherServer
        | MqttError::ServerMoved
        | MqttError::SharedSubscriptionsNotSupported
        | MqttError::ConnectionRateExceeded
        | MqttError::MaximumConnectTime
        | MqttError::WildcardSubscriptionsNotSupported
        | MqttError::PartialErrorDetected
        | MqttError::PacketEnqueued
        | MqttError::AllErrorDetected
        | MqttError::PacketIdentifierFullyUsed
        | MqttError::PacketIdentifierConflict
        | MqttError::PacketIdentifierInvalid
        | MqttError::PacketNotAllowedToSend
        | MqttError::PacketNotAllowedToStore
        | MqttError::PacketNotRegulated
        | MqttError::InvalidPacketForRole
        | MqttError::VersionMismatch
        | MqttError::PacketConversionFailed
        | MqttError::PacketProcessFailed => Reason::ProtocolError,
    }
}
