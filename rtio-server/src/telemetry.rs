//! Logs: one line an event to stderr, as text or as JSON, filtered by level and target. Also the one way to write an error
//! together with its causes. Set up once by the executable; nothing here is called by the hub's inner parts.

use std::error::Error;
use std::fmt;
use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging for the whole process. What cannot be written, because nobody reads stderr any more, is lost.
///
/// # Errors
///
/// [`InitError`] where something in this process logs already.
pub fn init(config: &Config) -> Result<(), InitError> {
    let lines = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(config.filter.to_env_filter())
        // It would write to stderr that it cannot write to stderr, and panic because it cannot.
        .log_internal_errors(false);
    match config.format {
        Format::Text => lines.with_ansi(false).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|source| InitError { source })
}

/// What is logged, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Which events are written.
    pub filter: Filter,
    /// How an event is written.
    pub format: Format,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: time, level, target, message, fields.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// A level, or filter directives such as `info,rtio_server::device=debug`, that were understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Reads directives.
    ///
    /// A word on its own must be a level: the filter library would take `inof` for the name of a target.
    ///
    /// # Errors
    ///
    /// [`FilterError`], whose text says what is allowed.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        // An empty word would count as the level `error`.
        let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
        let is_directive = |word: &str| word.contains(['=', '[', ']', '}']);
        let understood = text.split(',').map(str::trim).all(|word| is_level(word) || is_directive(word));
        match EnvFilter::builder().parse(text) {
            Ok(_) if understood => Ok(Self(text.to_owned())),
            Ok(_) | Err(_) => Err(FilterError),
        }
    }

    fn to_env_filter(&self) -> EnvFilter {
        EnvFilter::builder().parse_lossy(&self.0)
    }
}

/// The error's own text and that of each cause, outermost first: `cannot bind 0.0.0.0:80: permission denied`.
pub fn chain(error: &dyn Error) -> impl fmt::Display {
    fmt::from_fn(move |out| {
        write!(out, "{error}")?;
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(out, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    })
}

/// A filter that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected off, error, warn, info, debug or trace, or directives such as info,rtio_server::device=debug")]
pub struct FilterError;

/// Logging could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot start logging")]
pub struct InitError {
    source: Box<dyn Error + Send + Sync>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_directives() {
        for good in ["info", "OFF", "warn,rtio_server::device=debug", "rtio_server[call{id=1}]=trace,error"] {
            assert_eq!(Filter::parse(good), Ok(Filter(good.to_owned())));
        }
        for bad in ["inof", "", "info,", "rtio_server=loud", "info debug"] {
            assert_eq!(Filter::parse(bad), Err(FilterError), "{bad}");
        }
    }

    #[test]
    fn a_chain_names_every_cause_once() {
        let error = InitError { source: Box::new(io::Error::other(FilterError)) };
        assert!(chain(&error).to_string().starts_with("cannot start logging: expected off"));
    }
}
