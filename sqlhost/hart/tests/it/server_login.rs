//! Connecting, against Microsoft's mock TDS server: encryption, tokens, redirection.

use crate::tds;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::tds::Answer;
use mssql_mock_tds::{
    ColumnDefinition, ColumnValue, LOGIN_DELAY_KEY, MockTdsServer, QueryResponse, Row, SqlDataType,
    create_test_identity,
};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod, SslVersion};
use openssl::x509::X509;
use tokio::runtime::Runtime;

/// How the mock encrypts.
enum Tls {
    None,
    Negotiated,
    Strict,
}

struct World {
    runtime: Runtime,
    folder: tempfile::TempDir,
    certificate: (X509, PKey<Private>),
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let certificate = tds::certificate();
        std::fs::write(folder.path().join("ca.pem"), certificate.0.to_pem().unwrap()).unwrap();
        // The authorities of this machine: one that has nothing to do with the servers.
        let authority = tds::Certificate { name: "somebody else", authority: true, ..Default::default() };
        let authority = authority.signed_with(&certificate.1).to_pem().unwrap();
        std::fs::write(folder.path().join("system.pem"), authority).unwrap();
        World { runtime: Runtime::new().unwrap(), folder, certificate }
    }

    fn server(&self, tls: Tls) -> MockTdsServer {
        let (certificate, key) = &self.certificate;
        let identity =
            create_test_identity(&certificate.to_pem().unwrap(), &key.private_key_to_pem_pkcs8().unwrap())
                .unwrap();
        let address = "127.0.0.1:0";
        self.runtime
            .block_on(async {
                match tls {
                    Tls::None => MockTdsServer::new(address).await,
                    Tls::Negotiated => MockTdsServer::new_with_tls(address, Some(identity)).await,
                    Tls::Strict => MockTdsServer::new_with_strict_tls(address, identity).await,
                }
            })
            .unwrap()
    }

    /// Runs the server, with the answers of Azure SQL Database to the question what it is.
    fn start(&self, server: MockTdsServer) -> String {
        let address = format!("localhost,{}", with_handshake_packets(server.local_addr().port()));
        let registry = server.query_registry();
        let facts = self.facts_query();
        self.runtime.block_on(async {
            let text = |t: &str| ColumnValue::NVarChar(t.into());
            let rows =
                [("version", "12.0.2000.8"), ("engine", "5"), ("edition", "SQL Azure"), ("database", "db")];
            let columns = ["name", "value"].map(|n| ColumnDefinition::new(n, SqlDataType::NVarChar));
            let rows = rows.iter().map(|(n, v)| Row::new(vec![text(n), text(v)])).collect();
            registry.lock().await.register(facts, QueryResponse::new(columns.into(), rows));
        });
        self.runtime.spawn(server.run());
        address
    }

    /// The first batch of `hart status`, as it is sent.
    fn facts_query(&self) -> String {
        let first = Arc::new(Mutex::new(None));
        let of_server = first.clone();
        let server = tds::Server::start(&self.folder.path().join("other.pem"), move |sql| match sql {
            "login" => Answer::Done,
            sql => {
                of_server.lock().unwrap().get_or_insert(sql.trim().to_string());
                Answer::Drop
            }
        });
        let ca = self.folder.path().join("other.pem");
        let address = format!("localhost,{}", server.port);
        self.status(&address, &["--encrypt", "strict", "--ca-certificate", ca.to_str().unwrap()]);
        first.lock().unwrap().take().unwrap()
    }

    fn command(&self, address: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hart"));
        command
            .env_clear()
            .env("HART_PASSWORD", "s3cret")
            .env("SSL_CERT_FILE", self.folder.path().join("system.pem"))
            .args(["status", "--server", address, "--database", "db"])
            .args(more);
        command
    }

    fn status(&self, address: &str, more: &[&str]) -> Output {
        self.command(address, more).args(["--user", "sa"]).output().unwrap()
    }

    fn ca(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().into()
    }
}

/// A port that passes everything on to the mock's. The mock marks the packets of a negotiated TLS handshake as results (4);
/// SQL Server marks them as pre-login (0x12), and the client insists on that: so they are marked anew on their way back.
fn with_handshake_packets(mock: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", mock)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
            std::thread::spawn(move || {
                let (mut from, mut to) = (server, client);
                let _ = pass_back(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    port
}

fn pass_back(from: &mut TcpStream, to: &mut TcpStream) -> std::io::Result<u64> {
    // The first packet answers the pre-login and is a result; from the first TLS record on there are no packets.
    for n in 0.. {
        let mut kind = [0];
        from.read_exact(&mut kind)?;
        if kind != [4] {
            to.write_all(&kind)?;
            break;
        }
        let mut rest = [0; 7];
        from.read_exact(&mut rest)?;
        let mut body = vec![0; usize::from(u16::from_be_bytes([rest[1], rest[2]])) - 8];
        from.read_exact(&mut body)?;
        to.write_all(&[if n == 0 { 4 } else { 0x12 }])?;
        to.write_all(&rest)?;
        to.write_all(&body)?;
    }
    std::io::copy(from, to)
}

/// The login went through and the question was answered: what is missing is no fault of the connection.
#[track_caller]
fn connected(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(String::from_utf8_lossy(&output.stdout).contains("SQL Azure"), "{stderr}");
}

#[track_caller]
fn fails(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(output.stdout.is_empty());
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "`{part}` is not in {stderr}");
    }
}

#[test]
fn encryption() {
    let world = World::new();
    let ca = world.ca();
    let plain = world.start(world.server(Tls::None));
    fails(&world.status(&plain, &[]), &["offers no encryption"]);
    fails(&world.status(&plain, &["--encrypt", "strict"]), &["--encrypt strict", "2022"]);
    for (tls, level) in [(Tls::Negotiated, "required"), (Tls::Strict, "strict")] {
        let server = world.start(world.server(tls));
        let encrypt = ["--encrypt", level];
        fails(
            &world.status(&server, &encrypt),
            &["is not trusted", "--ca-certificate", "--trust-certificate"],
        );
        let blind = world.status(&server, &[&encrypt[..], &["--trust-certificate"]].concat());
        connected(&blind);
        // Each time.
        assert!(String::from_utf8_lossy(&blind.stderr).starts_with("hart: --trust-certificate: "));
        let trusted = [&encrypt[..], &["--ca-certificate", &ca]].concat();
        connected(&world.status(&server, &trusted));
        let by_number = server.replace("localhost", "127.0.0.1");
        fails(&world.status(&by_number, &trusted), &["for another name", "--certificate-host"]);
        connected(&world.status(&by_number, &[&trusted[..], &["--certificate-host", "localhost"]].concat()));
        let no_name = [&trusted[..], &["--certificate-host", "local host"]].concat();
        fails(&world.status(&server, &no_name), &["none that a certificate can bear", "--certificate-host"]);
    }
}

/// A server that offers no more than these, in the manner of TDS 8.0.
fn old_server(
    world: &World,
    key: &PKey<Private>,
    certificate: &X509,
    limit: impl FnOnce(&mut openssl::ssl::SslAcceptorBuilder),
) -> (String, String) {
    let file = world.folder.path().join("old.pem");
    std::fs::write(&file, certificate.to_pem().unwrap()).unwrap();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    // OpenSSL's own refusal of what is old.
    acceptor.set_security_level(0);
    acceptor.set_private_key(key).unwrap();
    acceptor.set_certificate(certificate).unwrap();
    limit(&mut acceptor);
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("localhost,{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            // The client gives up in the handshake, or after it when nothing comes.
            let _ = acceptor.accept(socket).map(|mut stream| stream.shutdown());
        }
    });
    (address, file.to_str().unwrap().into())
}

#[test]
fn what_old_servers_offer_is_named() {
    let world = World::new();
    let rsa = |bits| PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    let (key, short) = (rsa(2048), rsa(1024));
    let ec = world.certificate.1.clone();
    let today = tds::Certificate::default;
    let of = |certificate: tds::Certificate, key: &PKey<Private>| (key.clone(), certificate.signed_with(key));
    let refused = |(key, certificate): (PKey<Private>, X509), parts: &[&str]| {
        let (address, file) = old_server(&world, &key, &certificate, |_| ());
        fails(&world.status(&address, &["--encrypt", "strict", "--ca-certificate", &file]), parts);
        // Without the check the handshake is done, and only then nothing more comes.
        let blind = world.status(&address, &["--encrypt", "strict", "--trust-certificate"]);
        let told = String::from_utf8(blind.stderr).unwrap();
        assert!(!blind.status.success() && told.contains("closed the connection"), "{told}");
    };
    let old = &["cannot be checked", "SHA-1", "1,024 bits", "newer certificate", "--trust-certificate"];
    refused(of(tds::Certificate { version: 1, ..today() }, &key), old);
    refused(of(tds::Certificate { digest: MessageDigest::sha1(), ..today() }, &short), old);
    // One of the same name, with another key.
    let (_, other) = of(today(), &rsa(2048));
    let (address, _) = old_server(&world, &key, &of(today(), &key).1, |_| ());
    let file = world.folder.path().join("other.pem");
    std::fs::write(&file, other.to_pem().unwrap()).unwrap();
    fails(
        &world.status(&address, &["--encrypt", "strict", "--ca-certificate", file.to_str().unwrap()]),
        &["cannot be checked", "its signature is wrong"],
    );
    refused(of(tds::Certificate { authority: true, ..today() }, &ec), &["an authority", "CA:FALSE"]);
    refused(of(tds::Certificate { expired: true, ..today() }, &ec), &["not trusted", "expired"]);
    let (key, certificate) = of(today(), &key);
    let strict = ["--encrypt", "strict", "--trust-certificate"];
    let no_tls = &["no encryption that this program takes", "TLS 1.2", "TLS 1.0", "Windows Server 2012 R2"];
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        let (address, _) = old_server(&world, &key, &certificate, |acceptor| {
            acceptor.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
            acceptor.set_max_proto_version(Some(version)).unwrap();
            acceptor.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
        });
        told_at_last(&world.status(&address, &strict), no_tls);
    }
    let (address, _) = old_server(&world, &key, &certificate, |acceptor| {
        acceptor.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        acceptor.set_cipher_list("ECDHE-RSA-AES128-SHA:AES128-GCM-SHA256").unwrap();
    });
    told_at_last(&world.status(&address, &strict), no_tls);
}

/// After the warning that the certificate is not checked.
#[track_caller]
fn told_at_last(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 2), "{stderr}");
    let last = stderr.lines().last().unwrap();
    parts.iter().for_each(|part| assert!(last.contains(part), "`{part}` is not in {last}"));
}

#[test]
fn a_machine_without_authorities() {
    let world = World::new();
    let server = world.start(world.server(Tls::Negotiated));
    let none = world.folder.path().join("none");
    std::fs::write(&none, "").unwrap();
    let mut command = world.command(&server, &["--user", "sa"]);
    let output = command.env("SSL_CERT_FILE", &none).output().unwrap();
    fails(&output, &["knows no authorities", "ca-certificates", "--ca-certificate"]);
    let mut command = world.command(&server, &["--user", "sa", "--ca-certificate", &world.ca()]);
    connected(&command.env("SSL_CERT_FILE", &none).output().unwrap());
}

#[test]
fn certificate_files_that_are_none() {
    let world = World::new();
    let server = world.start(world.server(Tls::Negotiated));
    let file = world.folder.path().join("no.pem");
    std::fs::write(&file, "no certificate").unwrap();
    let file = file.to_str().unwrap();
    fails(
        &world.status(&server, &["--ca-certificate", file]),
        &["--ca-certificate", file, "holds no certificate"],
    );
    let half = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(file, half).unwrap();
    fails(
        &world.status(&server, &["--ca-certificate", file]),
        &["--ca-certificate", file, "holds no certificate"],
    );
    std::fs::write(file, "").unwrap();
    fails(&world.status(&server, &["--ca-certificate", file]), &["--ca-certificate", file, "is empty"]);
    fails(&world.status(&server, &["--ca-certificate", "/nowhere/ca.pem"]), &["cannot read /nowhere/ca.pem"]);
}

#[test]
fn tokens_reach_the_server() {
    let world = World::new();
    let server = world.server(Tls::Negotiated);
    let store = server.connection_store();
    let address = world.start(server);
    let file = world.folder.path().join("token");
    std::fs::write(&file, "token.from.file\n").unwrap();
    let rights = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    rights(0o600);
    let arguments = ["--auth", "token", "--ca-certificate", &world.ca()];
    connected(
        &world.command(&address, &arguments).env("HART_TOKEN", "token.of.environment").output().unwrap(),
    );
    let by_file = [&arguments[..], &["--token-file", file.to_str().unwrap()]].concat();
    connected(&world.command(&address, &by_file).output().unwrap());
    // Nothing is sent of a file that others can read.
    rights(0o640);
    let open = world.command(&address, &by_file).output().unwrap();
    fails(&open, &["can be read or changed by other users", "chmod 600", "--insecure-file"]);
    connected(&world.command(&address, &[&by_file[..], &["--insecure-file"]].concat()).output().unwrap());
    let received: Vec<_> = world.runtime.block_on(async {
        store.lock().await.all().values().filter_map(|c| c.received_token_as_string()).collect()
    });
    assert_eq!(received, ["token.of.environment", "token.from.file", "token.from.file"]);
}

/// A metadata service on this machine stands for that of an Azure VM.
#[test]
fn the_token_of_a_managed_identity_reaches_the_server() {
    let world = World::new();
    let server = world.server(Tls::Negotiated);
    let store = server.connection_store();
    let address = world.start(server);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).unwrap();
        assert!(String::from_utf8_lossy(&request[..read]).contains("database.windows.net"));
        let body = r#"{"access_token":"token.of.machine"}"#;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    });
    let arguments = ["--auth", "managed-identity", "--ca-certificate", &world.ca()];
    connected(
        &world.command(&address, &arguments).env("AZURE_POD_IDENTITY_AUTHORITY_HOST", host).output().unwrap(),
    );
    let received: Vec<_> = world.runtime.block_on(async {
        store.lock().await.all().values().filter_map(|c| c.received_token_as_string()).collect()
    });
    assert_eq!(received, ["token.of.machine"]);
}

/// A gateway that sends on `times` times before it lets anyone in.
fn gateway(world: &World, times: usize) -> tds::Server {
    let port = Arc::new(Mutex::new(0));
    let (own, mut logins) = (port.clone(), 0);
    let server = tds::Server::start(&world.folder.path().join("ca.pem"), move |sql| {
        logins += usize::from(sql == "login");
        match sql {
            "login" if logins <= times => Answer::Route(*own.lock().unwrap()),
            "login" => Answer::Done,
            _ => Answer::Rows(vec![
                vec!["version".into(), "12.0".into()],
                vec!["engine".into(), "5".into()],
                vec!["edition".into(), "SQL Azure".into()],
            ]),
        }
    });
    *port.lock().unwrap() = server.port;
    server
}

#[test]
fn redirection_is_followed_once() {
    let world = World::new();
    let options = ["--encrypt", "strict", "--ca-certificate", &world.ca()];
    let once = gateway(&world, 1);
    connected(&world.status(&format!("localhost,{}", once.port), &options));
    assert_eq!(once.log().iter().filter(|b| *b == "login").count(), 2);
    let twice = gateway(&world, 2);
    fails(
        &world.status(&format!("localhost,{}", twice.port), &options),
        &["sends on to localhost", "connect to that one"],
    );
    assert_eq!(twice.log().iter().filter(|b| *b == "login").count(), 2);
}

#[test]
fn a_login_that_takes_too_long() {
    let world = World::new();
    let server = world.server(Tls::Negotiated);
    let registry = server.query_registry();
    let address = world.start(server);
    world.runtime.block_on(async {
        let slow = QueryResponse::new(Vec::new(), Vec::new()).with_delay(Duration::from_secs(3600));
        registry.lock().await.register(LOGIN_DELAY_KEY, slow);
    });
    let output = world.status(&address, &["--ca-certificate", &world.ca(), "--connect-timeout", "1"]);
    fails(&output, &["did not answer within 1 s", "--connect-timeout"]);
}

#[test]
fn nobody_is_there() {
    let world = World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    fails(&world.status(&format!("127.0.0.1,{port}"), &[]), &["nothing listens on", "TCP/IP"]);
    fails(&world.status("no.such.host.invalid", &[]), &["cannot be reached", "check the name"]);
    // Something listens that is no SQL Server and hangs up.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    fails(&world.status(&format!("127.0.0.1,{port}"), &[]), &["closed the connection before the login"]);
}

#[test]
fn what_is_told_has_the_statements_and_no_secret() {
    let world = World::new();
    let server = world.start(world.server(Tls::Negotiated));
    for format in ["text", "json"] {
        let mut command = world.command(&server, &["--user", "sa", "--trust-certificate"]);
        let output = command.env("HART_LOG", "trace").env("HART_LOG_FORMAT", format).output().unwrap();
        connected(&output);
        let told = String::from_utf8(output.stderr).unwrap();
        for part in ["connect", "database", "batch", "SELECT", "time.busy"] {
            assert!(told.contains(part), "`{part}` is not in {told}");
        }
        assert!(!told.contains("s3cret"), "{told}");
    }
}
