//! Every way in which a request ends.
