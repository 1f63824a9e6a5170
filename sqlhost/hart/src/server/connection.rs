//! A connection to SQL Server, with error messages that say what to do.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use tiberius::error::{Error, IoErrorKind};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;

use super::counted::Received;
use super::session::{Opened, Server, Wire, runtime};
use super::{identity, secret, tls};

/// Port of a default instance.
const PORT: u16 = 1433;

/// Transient login errors of Azure SQL Database: the database is moving, waking up or busy.
const TRANSIENT: [u32; 6] = [40197, 40501, 40613, 49918, 49919, 49920];
/// Retries of such a login, after 1, 2 and 4 seconds.
const RETRIES: u32 = 3;

/// How to say who is connecting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// A login of SQL Server: --user, and the password from HART_PASSWORD, --password-file or a prompt
    Sql,
    /// The account that runs this program: on Windows, or with a Kerberos ticket where the program was built with that
    Integrated,
    /// An access token of Microsoft Entra from HART_TOKEN or --token-file
    Token,
    /// The managed identity of this Azure VM, or of this machine in Azure Arc
    ManagedIdentity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Encrypt {
    /// Negotiated at the start, and required
    Required,
    /// TDS 8.0: from the first byte
    Strict,
}

/// Where to connect and as whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionOptions {
    /// The server; the port is 1433 if none is given
    #[arg(long, value_name = "HOST[,PORT]", env = "HART_SERVER", value_parser = address)]
    server: Option<Address>,
    /// The database
    #[arg(long, value_name = "NAME", env = "HART_DATABASE")]
    database: Option<String>,
    /// How to authenticate
    #[arg(long, value_enum, default_value = "sql")]
    auth: Auth,
    /// Login of SQL Server
    #[arg(long, value_name = "NAME", env = "HART_USER")]
    user: Option<String>,
    /// File whose first line is the password; else HART_PASSWORD, else a prompt
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File with the access token; else HART_TOKEN
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Take a password or token from a file that other users of this machine can read
    #[arg(long)]
    insecure_file: bool,
    /// Which of several identities of an Azure VM
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// When encryption begins; there is no connection without it
    #[arg(long, value_enum, default_value = "required")]
    encrypt: Encrypt,
    /// Do not check the server's certificate: anyone between here and the server can then read and change everything
    #[arg(long, conflicts_with = "ca_certificate")]
    trust_certificate: bool,
    /// Trust the authority in this PEM or DER file besides those of this machine
    #[arg(long, value_name = "FILE")]
    ca_certificate: Option<PathBuf>,
    /// Name that the certificate bears, where it is not that of --server
    #[arg(long, value_name = "HOST")]
    certificate_host: Option<String>,
    /// Longest wait for a connection
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    connect_timeout: u64,
    /// Longest wait for the answer to a statement, and for the server to take the next of what is sent to it
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// Host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", self.host, self.port)
    }
}

fn address(text: &str) -> Result<Address, String> {
    let text = text.trim();
    let text = text.strip_prefix("tcp:").unwrap_or(text);
    if text.contains('\\') {
        return Err(
            "a named instance is reached by its port: HOST,PORT (SQL Server Configuration Manager shows \
                    it under TCP/IP)"
                .into(),
        );
    }
    let (host, port) = match text.split_once(',') {
        None => (text, PORT),
        Some((host, port)) => {
            let port = port.trim();
            let number = port.parse().ok().filter(|p| *p != 0);
            (host.trim(), number.ok_or_else(|| format!("the port is '{port}'; expected 1 to 65535"))?)
        }
    };
    match host {
        "" => Err("expected HOST or HOST,PORT".into()),
        "." | "(local)" => Ok(Address { host: "localhost".into(), port }),
        host => Ok(Address { host: host.into(), port }),
    }
}

impl ConnectionOptions {
    fn address(&self) -> Result<&Address> {
        self.server.as_ref().context("which server? Say --server HOST[,PORT], or set HART_SERVER")
    }

    fn auth(&self) -> Result<AuthMethod> {
        Ok(match self.auth {
            Auth::Sql => {
                let user = self.user.as_deref().context("which login? Say --user NAME, or set HART_USER")?;
                let password = secret::password(user, self.password_file.as_deref(), self.insecure_file)?;
                AuthMethod::sql_server(user, password)
            }
            #[cfg(any(windows, feature = "kerberos"))]
            Auth::Integrated => AuthMethod::Integrated,
            #[cfg(not(any(windows, feature = "kerberos")))]
            Auth::Integrated => bail!(
                "--auth integrated needs Kerberos, which this program was built without (cargo build --features kerberos; \
                 it needs libkrb5 of the machine); use sql or token here"
            ),
            Auth::Token => {
                AuthMethod::aad_token(secret::token(self.token_file.as_deref(), self.insecure_file)?)
            }
            Auth::ManagedIdentity => AuthMethod::aad_token(identity::token(self.client_id.as_deref())?),
        })
    }

    fn config(&self, address: &Address, database: &str, auth: AuthMethod) -> Result<Config> {
        let mut config = Config::new();
        config.host(&address.host);
        config.port(address.port);
        config.database(database);
        config.application_name("hart");
        config.authentication(auth);
        config.encryption(match self.encrypt {
            Encrypt::Required => EncryptionLevel::Required,
            Encrypt::Strict => EncryptionLevel::Strict,
        });
        if self.trust_certificate {
            config.trust_cert();
        } else if let Some(path) = &self.ca_certificate {
            let bytes = std::fs::read(path)
                .with_context(|| format!("--ca-certificate: cannot read {}", path.display()))?;
            ensure!(!bytes.is_empty(), "--ca-certificate {}: the file is empty", path.display());
            config.trust_cert_ca_bundle(bytes);
        }
        if let Some(host) = &self.certificate_host {
            config.hostname_in_certificate(host);
        }
        config.handshake_timeout(Some(Duration::from_secs(self.connect_timeout)));
        // After a timeout of its own the client could not stop the statement; `Server` has one.
        config.command_timeout(None);
        Ok(config)
    }

    /// Connects.
    pub fn connect(&self) -> Result<Server> {
        self.connector()?.connect()
    }

    /// A connector with the secret, which is asked for once for any number of connections.
    pub fn connector(&self) -> Result<Connector> {
        self.address()?;
        self.database()?;
        if self.trust_certificate {
            eprintln!(
                "hart: --trust-certificate: the server's certificate is not checked, so whoever is between here and it can read \
                 and change everything, the password too"
            );
        }
        Ok(Connector { auth: self.auth()?, options: self.clone() })
    }

    fn database(&self) -> Result<&str> {
        self.database.as_deref().context("which database? Say --database NAME, or set HART_DATABASE")
    }

    fn connect_with(&self, auth: &AuthMethod) -> Result<Server> {
        let (address, database) = (self.address()?, self.database()?);
        let runtime = runtime()?;
        let _span = tracing::info_span!("connect", server = %address, database, auth = ?self.auth).entered();
        let mut target = address.clone();
        let (mut redirected, mut tries) = (false, 0);
        loop {
            let config = self.config(&target, database, auth.clone())?;
            match runtime.block_on(self.open(&target, config)) {
                Ok((client, received)) => {
                    return Ok(Server::of(
                        client,
                        received,
                        runtime,
                        address.to_string(),
                        Duration::from_secs(self.timeout),
                    ));
                }
                // A gateway, such as that of Azure SQL Database, redirects to another server: once.
                Err(Error::Routing { host, port }) if !redirected => {
                    target = Address { host, port };
                    tracing::info!(%target, "sent on");
                    redirected = true;
                }
                Err(Error::Routing { host, port }) => {
                    bail!(
                        "{target} sends on to {host},{port} after {address} had sent on to it; connect to that one"
                    )
                }
                // Nothing has been done yet, so a retry is safe; later it would not be.
                Err(Error::Server(e)) if TRANSIENT.contains(&e.code()) && tries < RETRIES => {
                    tracing::warn!(
                        error = e.code(),
                        seconds = 1 << tries,
                        "the database is not ready; trying again"
                    );
                    std::thread::sleep(Duration::from_secs(1 << tries));
                    tries += 1;
                }
                Err(error) => return Err(self.explain(&target, database, &error)),
            }
        }
    }

    async fn open(
        &self,
        address: &Address,
        config: Config,
    ) -> Result<(Client<Wire<TcpStream>>, Received), Error> {
        let timed_out = || Error::Io { kind: IoErrorKind::TimedOut, message: String::new() };
        let wait = Duration::from_secs(self.connect_timeout);
        let connect = TcpStream::connect((address.host.as_str(), address.port));
        let tcp = tokio::time::timeout(wait, connect).await.map_err(|_| timed_out())??;
        tcp.set_nodelay(true)?;
        let opened = Opened::new(tcp);
        Ok((Client::connect(config, opened.wire).await?, opened.received))
    }

    /// Why the connection failed, and what to do.
    fn explain(&self, address: &Address, database: &str, error: &Error) -> anyhow::Error {
        let user = self.user.as_deref().unwrap_or("");
        if let Some(reason) = tls::reason(error).filter(|reason| !is_about_ca_file(reason)) {
            return tls::explain(&address.to_string(), self.encrypt == Encrypt::Strict, reason);
        }
        match error {
            Error::Io { kind: IoErrorKind::TimedOut, .. } => anyhow!(
                "{address} did not answer within {} s: check the name, the port and the firewall between; \
                 --connect-timeout waits longer",
                self.connect_timeout
            ),
            Error::Io { kind: IoErrorKind::ConnectionRefused, .. } => anyhow!(
                "nothing listens on {address}: check that SQL Server runs, that TCP/IP is enabled for it, and the \
                 port (a named instance has its own)"
            ),
            Error::Io { kind: IoErrorKind::InvalidData, message } if is_about_ca_file(message) => {
                let file = self.ca_certificate.as_deref().unwrap_or(std::path::Path::new("")).display();
                anyhow!("--ca-certificate {file} holds no certificate in PEM or DER form ({message})")
            }
            Error::Io { kind, message } => match kind {
                IoErrorKind::UnexpectedEof | IoErrorKind::ConnectionReset | IoErrorKind::BrokenPipe => {
                    anyhow!(
                        "{address} closed the connection before the login was done ({message}): check that SQL Server \
                     listens on this port, and its error log; a server does this too if {}",
                        match self.encrypt {
                            Encrypt::Required => "it demands --encrypt strict",
                            Encrypt::Strict =>
                                "it is older than --encrypt strict, which came with SQL Server 2022",
                        }
                    )
                }
                _ => anyhow!("{address} cannot be reached ({message}): check the name and the network"),
            },
            Error::Protocol(message) if message.contains("encryption level") => anyhow!(
                "{address} offers no encryption, and nothing is sent without: give SQL Server a certificate (it makes \
                 one of its own if it has none), or check that the port is that of SQL Server"
            ),
            Error::Server(e) => match e.code() {
                18456 if matches!(self.auth, Auth::Token | Auth::ManagedIdentity) => anyhow!(
                    "{address} refused the access token (18456): it has expired, was made for another resource than \
                     https://database.windows.net/, or its owner is no user of database {database}"
                ),
                18456 => anyhow!(
                    "{address} refused the login of {user} (18456): wrong password, no such login, no right to \
                     connect to {database}, or only Windows logins are allowed; the server's error log names the \
                     reason beside state {}",
                    e.state()
                ),
                18486 => anyhow!(
                    "{address}: the login {user} is locked (18486): ALTER LOGIN … UNLOCK by an administrator"
                ),
                18487 | 18488 => anyhow!(
                    "{address}: the password of {user} has expired or must be changed ({}): change it with sqlcmd -Z or SSMS",
                    e.code()
                ),
                18470 => anyhow!(
                    "{address}: the login {user} is disabled (18470): ALTER LOGIN … ENABLE by an administrator"
                ),
                4060 => anyhow!(
                    "{address} has no database {database} that this login may open (4060): check --database; the \
                     login needs a user in it"
                ),
                40615 | 40914 => anyhow!(
                    "{address}: the firewall of Azure SQL does not let this machine in ({}): {}",
                    e.code(),
                    e.message()
                ),
                code => anyhow!("{address} refused the login ({code}): {}", e.message()),
            },
            other if self.auth == Auth::Integrated => anyhow!(
                "{address} refused the account that runs this program ({other}): off Windows kinit gets the ticket that is \
                 needed, and the server needs its name MSSQLSvc/HOST:PORT in the directory"
            ),
            other => anyhow!("{address}: {other}"),
        }
    }
}

fn is_about_ca_file(message: &str) -> bool {
    message.contains("CA source") || message.contains("CA bundle")
}

/// Options with their secret.
#[derive(Clone)]
pub struct Connector {
    options: ConnectionOptions,
    auth: AuthMethod,
}

impl Connector {
    /// Opens a connection.
    pub fn connect(&self) -> Result<Server> {
        self.options.connect_with(&self.auth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let good = |text: &str| address(text).map(|a| a.to_string());
        assert_eq!(good("db").as_deref(), Ok("db,1433"));
        assert_eq!(good("tcp:db.example.org, 14330").as_deref(), Ok("db.example.org,14330"));
        assert_eq!(good(".").as_deref(), Ok("localhost,1433"));
        assert_eq!(good("::1,5").as_deref(), Ok("::1,5"));
        for (text, part) in
            [("", "HOST"), ("db,", "port"), ("db,0", "65535"), ("db,70000", "65535"), (r"db\X", "port")]
        {
            let error = address(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
