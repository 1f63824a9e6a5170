//! The subcommands that install the kernels on a server, inspect an installation, or compute with a server's rows.

mod additions;
mod archive;
mod calendar;
mod connection;
mod deploy;
mod elf;
mod fit;
mod guards;
mod identity;
mod language;
mod objects;
mod package;
mod plan;
mod probe;
mod requirements;
mod rows;
mod script;
mod secret;
mod status;
mod step;
mod survey;
mod target;
mod text;
mod tls;
mod transaction;
mod undeploy;
mod verify;

pub use connection::{ConnectionOptions, Connector};
pub use deploy::{DeployOptions, deploy, upgrade};
pub use package::{PackageOptions, package};
pub use rows::{LEFT_OUT, QueryRows};
pub use script::{ScriptOptions, script};
pub use status::{StatusOptions, status};
pub use target::{LoadOptions, Target};
pub use undeploy::{UndeployOptions, undeploy};
pub use verify::{VerifyOptions, verify};
