//! The executable as a user runs it, without the variables of whoever runs the tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// `rtio` with these arguments, split at spaces.
pub(crate) fn rtio(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtio"));
    command.args(arguments.split_whitespace()).env_clear().stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What came out of a run that is over: exit code, standard output, standard error.
pub(crate) fn ended(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs to the end.
pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    ended(command.output().unwrap())
}

/// A run that goes on until it is told to end.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    logs: Box<dyn BufRead + Send>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let logs = Box::new(BufReader::new(child.stderr.take().unwrap()));
        Self { child, lines, logs }
    }

    /// The next line of standard output, without its name: the address of `devices 127.0.0.1:17017`.
    pub(crate) fn value_of(&mut self, name: &str) -> String {
        let line = self.line();
        let value = line.strip_prefix(name).unwrap_or_else(|| panic!("{line:?} is no line of {name}"));
        value.trim().to_owned()
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The next line of standard error.
    pub(crate) fn log_line(&mut self) -> String {
        let mut line = String::new();
        self.logs.read_line(&mut line).unwrap();
        line
    }

    /// Closes the reading end of standard error.
    pub(crate) fn is_not_listened_to_any_more(&mut self) {
        self.logs = Box::new(io::empty());
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn sends(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end. Returns the exit code; `None` when a signal ended it.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends the signal and waits for the end. Returns the exit code and the rest of standard error.
    pub(crate) fn end_by(mut self, signal: Signal) -> (Option<i32>, String) {
        self.sends(signal);
        let mut stderr = String::new();
        self.logs.read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

impl Drop for Running {
    /// A test that failed leaves no process behind.
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A configuration file that goes away with the test.
pub(crate) struct TestFile(pub(crate) PathBuf);

impl TestFile {
    /// `name` must be that of one test only.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}
