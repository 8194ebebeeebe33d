mod cli;
mod config;
mod fake_hub;
mod program;
