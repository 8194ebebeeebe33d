//! `rtio realer resource`.

use clap::{Args, Subcommand};
use hyper::Method;

use super::super::place::Place;
use super::wish::{Fields, Wish};
use super::{All, One, print};

/// What to do with resources.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a resource
    Add(Add),
    /// Print all resources
    List(All),
    /// Print a resource
    Show(One),
    /// Call it something else
    Change(Change),
    /// Forget a resource; what belonged to it stays
    Remove(One),
}

/// What `add` takes.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What it is called: 1 to 128 characters, unique
    label: String,

    #[command(flatten)]
    place: Place,
}

/// What `change` takes.
#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    one: One,

    /// What it is called: 1 to 128 characters, unique
    #[arg(long)]
    label: String,
}

impl Command {
    pub(super) fn wish(self) -> (Place, Wish) {
        let path = |one: &One| format!("/resources/{}", one.id);
        let labelled = |label: String| Fields::default().with("label", Some(label));
        match self {
            Self::Add(Add { label, place }) => {
                let wish = Wish::send(Method::POST, "/resources".to_owned(), labelled(label), print::resource);
                (place, wish.that_may_begin())
            }
            Self::List(All { place }) => (place, Wish::list("/resources", "resources", print::resources)),
            Self::Show(one) => (one.place.clone(), Wish::get(path(&one), print::resource)),
            Self::Change(Change { one, label }) => {
                (one.place.clone(), Wish::send(Method::PATCH, path(&one), labelled(label), print::resource))
            }
            Self::Remove(one) => (one.place.clone(), Wish::remove(path(&one), one.id.as_str())),
        }
    }
}
