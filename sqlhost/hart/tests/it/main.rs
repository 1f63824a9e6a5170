//! The command and its readers. What needs a process of its own is in programs of its own, beside this folder.

mod common;
#[path = "../../../tests/abi/common.rs"]
mod host;
#[cfg(unix)]
mod tds;

mod agreement;
mod cli;
mod docs;
mod file_kinds;
mod files;
#[cfg(unix)]
mod help;
mod model;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod server_load;
#[cfg(unix)]
mod server_login;
#[cfg(unix)]
mod server_remove;
#[cfg(unix)]
mod server_rows;
#[cfg(unix)]
mod server_texts;
mod spatial_cli;
mod tensor_cli;
mod tensor_tables;
#[cfg(feature = "otlp")]
mod traces;
mod tsql;
mod tsql_install;
mod tsql_rules;
