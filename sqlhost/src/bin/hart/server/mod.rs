//! The subcommands that install the kernels on a server, look at an installation, or compute with a server's rows.

mod additions;
mod archive;
mod connection;
mod deploy;
mod identity;
mod package;
mod plan;
mod rows;
mod script;
mod secret;
mod status;
mod survey;
mod text;
mod undeploy;
mod verify;

pub use connection::{ConnectionOptions, Connector};
pub use deploy::{DeployOptions, deploy};
pub use package::{PackageOptions, package};
pub use rows::{QueryRows, load};
pub use script::{ScriptOptions, script};
pub use status::{StatusOptions, status};
pub use undeploy::{UndeployOptions, undeploy};
pub use verify::{VerifyOptions, verify};
