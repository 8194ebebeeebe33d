//! `rtio doctor`: whether this machine can hold as many devices as it shall, and what to change.

mod checks;
mod machine;

use std::path::PathBuf;

use clap::Args;
use rtio_server::config::value::{count_within, switch};

use self::checks::{Finding, check};
use self::machine::Machine;
use super::{Exit, Failure, start};

/// What `rtio doctor` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Exit codes:\n  0   all is well\n  1   something is not enough\n  64  wrong usage")]
pub(crate) struct Arguments {
    /// Devices that shall be connected at once; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "1000000", value_parser = count_within::<u64>(1..=16_777_216))]
    devices: u64,

    /// Print the findings as JSON
    #[arg(long, value_parser = switch)]
    json: bool,

    /// Folder that stands for / of the machine
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// Looks, and prints what it found.
pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let findings = check(arguments.devices, &Machine::read(&arguments.root));
    let text = if arguments.json { format!("{}\n", json(&findings)) } else { table(&findings) };
    start::print(text.as_bytes())?;
    Ok(if findings.iter().all(Finding::is_fine) { Exit::Done } else { Exit::Failed })
}

fn json(findings: &[Finding]) -> serde_json::Value {
    let of = |finding: &Finding| {
        serde_json::json!({
            "what": finding.what, "is": finding.is, "needed": finding.needed, "fine": finding.is_fine(), "do": finding.remedy,
        })
    };
    findings.iter().map(of).collect()
}

/// `ok   fs.file-max  is 9223372036854775807, needs 1020000`, and below what is not enough the command that changes it.
fn table(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let mark = if finding.is_fine() { "ok " } else { "LOW" };
        let is = finding.is.map_or_else(|| "unknown".to_owned(), |is| is.to_string());
        let line = format!("{mark}  {:<30} is {is}, needs {}\n", finding.what, finding.needed);
        if finding.is_fine() { line } else { format!("{line}     {}\n", finding.remedy) }
    };
    findings.iter().map(line).collect()
}
