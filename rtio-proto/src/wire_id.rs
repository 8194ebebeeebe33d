//! What the two ids on the wire have in common: 16 bits, never 0, counted up by whoever chooses them.

/// Defines an id, with its documentation in front of its name.
macro_rules! wire_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(core::num::NonZeroU16);

        impl $name {
            /// The first id that is used.
            pub const FIRST: Self = Self(core::num::NonZeroU16::MIN);

            /// `None` for 0, which the protocol forbids.
            pub const fn new(raw: u16) -> Option<Self> {
                match core::num::NonZeroU16::new(raw) {
                    Some(id) => Some(Self(id)),
                    None => None,
                }
            }

            /// The id as it is on the wire.
            pub const fn to_wire(self) -> u16 {
                self.0.get()
            }

            /// The next id: one more, 1 after 65535.
            pub const fn next(self) -> Self {
                match self.0.checked_add(1) {
                    Some(id) => Self(id),
                    None => Self::FIRST,
                }
            }
        }
    };
}

pub(crate) use wire_id;

#[cfg(test)]
mod tests {
    use crate::header::MessageId;

    #[test]
    fn ids_count_up_and_skip_zero_at_the_wrap() {
        let last = MessageId::new(u16::MAX).unwrap();
        assert_eq!(MessageId::FIRST.next().to_wire(), 2);
        assert_eq!(last.next(), MessageId::FIRST);
        assert_eq!(MessageId::new(0), None);
    }
}
