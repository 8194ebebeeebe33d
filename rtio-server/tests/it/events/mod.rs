//! Who comes and who goes: what is told about sessions, and how it is read.

mod causes;
mod command;
mod stream;
