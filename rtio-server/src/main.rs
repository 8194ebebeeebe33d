//! `rtio`: the hub, and the commands to try it out by hand. This file is the table of contents of a run: arguments, then one
//! command, then the exit code.

mod cli;

use std::env;
use std::process::ExitCode;

use rtio_server::app::{App, Ports};
use rtio_server::config::{Config, RawConfig};
use rtio_server::reload::Reload;
use rtio_server::shutdown::Shutdown;
use rtio_server::{net::tls, telemetry};

use crate::cli::{
    Command, Exit, Failure, backup, call, certs, descriptors, device, doctor, events, observe, online, realer,
    registry, services, signals, start, systemd, token,
};

/// It gives memory back after a fleet of devices went away, where the system's allocator keeps it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    tls::install_provider();
    let command = match cli::parse(env::args_os().collect()) {
        Ok(command) => command,
        Err(exit) => return exit.into(),
    };
    let result = match command {
        Command::Serve(raw) => serve(*raw),
        Command::Device(device::Command::Run(arguments)) => device::run(arguments),
        Command::Device(device::Command::Registry(command)) => registry::run(command),
        Command::Call(arguments) => call::run(arguments),
        Command::Observe(arguments) => observe::run(arguments),
        Command::Certs(arguments) => certs::run(arguments),
        Command::Doctor(arguments) => {
            return doctor::run(&arguments).unwrap_or_else(|failure| failure.report()).into();
        }
        Command::Online(arguments) => online::run(&arguments),
        Command::Disconnect(arguments) => online::disconnect(&arguments),
        Command::Events(arguments) => events::run(&arguments),
        Command::Services(arguments) => services::run(&arguments),
        Command::Realer(command) => realer::run(command),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Token(command) => token::run(command),
    };
    match result {
        Ok(()) => Exit::Done.into(),
        Err(failure) => failure.report().into(),
    }
}

/// The life of a hub.
fn serve(raw: RawConfig) -> Result<(), Failure> {
    let config = Config::try_from(raw)?;
    telemetry::init(&config.log)?;
    let descriptors = descriptors::raise();
    start::workers()?.block_on(async {
        let (shutdown, reload) = (Shutdown::new(), Reload::new());
        let ports = Ports::configured(&config)?;
        let app = App::build_on(systemd::sockets()?, &config, ports, reload.clone(), shutdown.clone())?;
        signals::reload_at_hangup(reload.clone())?;
        signals::drain_at_first_exit_at_second(shutdown.clone())?;
        start::announce(&app, descriptors)?;
        let manager = systemd::tell(app.hub(), shutdown, &reload);
        app.run().await;
        manager.await;
        Ok(())
    })
}
