//! A control device of the load: everything about it but its secret follows from its index. Pure.

/// One that the hub knows.
#[derive(Debug, Clone)]
pub(crate) struct ControlDevice {
    pub(crate) index: u64,
    pub(crate) secret: String,
}

impl ControlDevice {
    pub(crate) fn id(&self) -> String {
        id(self.index)
    }
}

/// The id of a device.
pub(crate) fn id(index: u64) -> String {
    format!("cdv_{index:026}")
}

/// The id of one of a device's commands.
pub(crate) fn command(index: u64, number: u64) -> String {
    format!("cmd_{:026}", index * SOURCES + number % SOURCES)
}

/// The id of one of a device's sensors.
pub(crate) fn sensor(index: u64, number: u64) -> String {
    format!("sns_{:026}", index * SOURCES + number % SOURCES)
}

/// The id of the resource that a device's commands and sensors belong to, if it has one.
pub(crate) fn resource(index: u64) -> String {
    format!("res_{index:026}")
}

/// Commands of each device, and as many sensors.
pub(super) const SOURCES: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_things_have_one_id() {
        assert_eq!(id(7), "cdv_00000000000000000000000007");
        assert_eq!(command(7, 3), "cmd_00000000000000000000000031");
        assert_eq!(command(8, 0), "cmd_00000000000000000000000032");
        assert_eq!(sensor(0, 5), sensor(0, 1));
    }
}
