//! Access tokens for a machine's managed identity: an Azure VM's from its metadata service, an Azure Arc machine's from
//! its agent, which first demands the content of a file that only the agent's group may read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// The resource for which a token is requested.
const RESOURCE: &str = "https://database.windows.net/";
/// Metadata service of an Azure VM; like Azure's own libraries, this variable overrides it.
const VM_HOST: &str = "http://169.254.169.254";
const VM_HOST_VARIABLE: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
/// Variables that the Arc agent sets on its machine.
const ARC_VARIABLES: [&str; 2] = ["IDENTITY_ENDPOINT", "IMDS_ENDPOINT"];
/// The agent's address if its variables are not set for this process.
const ARC_ENDPOINT: &str = "http://localhost:40342/metadata/identity/oauth2/token";
/// Maximum size of the agent's challenge file, as in Azure's own libraries.
const LARGEST_KEY: u64 = 4096;
/// Maximum size of an answer; a token has some thousand bytes.
const LARGEST_ANSWER: u64 = 64 * 1024;
/// Attempts on a busy service; it is documented to be busy at times.
const TRIES: u32 = 3;

/// The source of a token.
#[derive(Debug, PartialEq)]
enum Source {
    /// The Arc agent at this address, with its challenge folder.
    Arc(String, PathBuf),
    /// A metadata service at this host.
    Vm(String),
}

/// An access token for this machine; `client_id` chooses among several identities of an Azure VM.
pub fn token(client_id: Option<&str>) -> Result<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match source(ARC_VARIABLES.map(variable), variable(VM_HOST_VARIABLE), client_id, key_folder()?)? {
        Source::Arc(endpoint, folder) => arc(&endpoint, &folder),
        Source::Vm(host) => vm(&host, client_id),
    }
}

/// The Arc agent if its variables are set, or if no other source is configured and its folder exists.
fn source(
    arc_variables: [Option<String>; 2],
    vm_host: Option<String>,
    client_id: Option<&str>,
    folder: PathBuf,
) -> Result<Source> {
    if let [Some(endpoint), Some(_)] = arc_variables {
        ensure!(client_id.is_none(), "a machine in Azure Arc has one identity; --client-id is for Azure VMs");
        return Ok(Source::Arc(endpoint, folder));
    }
    Ok(match vm_host {
        Some(host) => Source::Vm(host),
        None if client_id.is_none() && folder.is_dir() => Source::Arc(ARC_ENDPOINT.into(), folder),
        None => Source::Vm(VM_HOST.into()),
    })
}

/// The folder of the Arc agent's challenge files.
fn key_folder() -> Result<PathBuf> {
    if cfg!(windows) {
        let data = std::env::var_os("ProgramData").context("the variable ProgramData is not set")?;
        return Ok(Path::new(&data).join("AzureConnectedMachineAgent").join("Tokens"));
    }
    Ok("/var/opt/azcmagent/tokens".into())
}

/// An HTTP answer.
struct Answer {
    status: u16,
    challenge: Option<String>,
    body: String,
}

fn ask(url: &str, query: &[(&str, &str)], authorization: Option<&str>) -> Result<Answer> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .max_redirects(0)
        // The services are on this machine or its link; a proxy must not see a token.
        .proxy(None)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    for attempt in 1.. {
        let mut request = agent.get(url).header("Metadata", "true").query_pairs(query.iter().copied());
        if let Some(value) = authorization {
            request = request.header("Authorization", value);
        }
        let mut response = request.call()?;
        let status = response.status().as_u16();
        if matches!(status, 404 | 410 | 429 | 500..) && attempt < TRIES {
            std::thread::sleep(Duration::from_secs(1 << (attempt - 1)));
            continue;
        }
        let challenge =
            response.headers().get("WWW-Authenticate").and_then(|v| v.to_str().ok()).map(String::from);
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string()?;
        return Ok(Answer { status, challenge, body });
    }
    bail!("no answer")
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

/// A metadata service's error.
#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
    error_description: Option<String>,
}

/// The token in an answer. If there is none, the reason is shown, provided that one of these services answered.
fn read(answer: Answer) -> Result<String> {
    if answer.status != 200 {
        let reason = serde_json::from_str::<Refusal>(&answer.body)
            .ok()
            .and_then(|r| r.error_description.or(r.error))
            .unwrap_or_else(|| "without a reason, so perhaps not from that service".into());
        let line: String = reason.lines().next().unwrap_or("").chars().take(300).collect();
        bail!("status {}: {line}", answer.status);
    }
    match serde_json::from_str::<Token>(&answer.body) {
        Ok(token) if !token.access_token.is_empty() => Ok(token.access_token),
        _ => bail!("the answer has no access_token"),
    }
}

fn vm(host: &str, client_id: Option<&str>) -> Result<String> {
    let mut query = vec![("api-version", "2018-02-01"), ("resource", RESOURCE)];
    query.extend(client_id.map(|id| ("client_id", id)));
    let url = format!("{}/metadata/identity/oauth2/token", host.trim_end_matches('/'));
    ask(&url, &query, None).and_then(read).with_context(|| {
        format!(
            "no token from the metadata service {host}: is this an Azure VM with a managed identity? A machine in Azure Arc \
             is known by its agent's variables {} or its folder of tokens",
            ARC_VARIABLES.join(" and ")
        )
    })
}

fn arc(endpoint: &str, folder: &Path) -> Result<String> {
    // The secret of the challenge is sent to the agent on this machine and nowhere else.
    let local =
        ["http://localhost:", "http://127.0.0.1:", "http://[::1]:"].iter().any(|l| endpoint.starts_with(l));
    ensure!(
        local && !endpoint.contains('@'),
        "IDENTITY_ENDPOINT is {endpoint}; expected an address of this machine"
    );
    let query = [("api-version", "2020-06-01"), ("resource", RESOURCE)];
    let about = || format!("no token from the Azure Arc agent at {endpoint}");
    let first = ask(endpoint, &query, None).with_context(about)?;
    ensure!(first.status == 401, "{}: status {}, expected 401 with a challenge", about(), first.status);
    let challenge = first.challenge.with_context(|| format!("{}: 401 without a challenge", about()))?;
    let path = challenge
        .strip_prefix("Basic realm=")
        .with_context(|| format!("{}: the challenge is '{challenge}'; expected Basic realm=FILE", about()))?;
    let path = Path::new(path.trim().trim_matches('"'));
    // Otherwise whoever answers could request any file.
    let expected = path.parent() == Some(folder) && path.extension().is_some_and(|e| e == "key");
    ensure!(
        expected,
        "{}: the challenge names {}; expected a .key file in {}",
        about(),
        path.display(),
        folder.display()
    );
    let cannot = || {
        format!(
            "cannot read {}: this account must be a member of himds (Linux) or of Hybrid Agent Extension Applications (Windows)",
            path.display()
        )
    };
    let size = std::fs::metadata(path).with_context(cannot)?.len();
    ensure!(size <= LARGEST_KEY, "{} has {size} bytes; expected at most {LARGEST_KEY}", path.display());
    let key = std::fs::read_to_string(path).with_context(cannot)?;
    ask(endpoint, &query, Some(&format!("Basic {}", key.trim()))).and_then(read).with_context(about)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};

    /// Answers successive requests with these texts; returns its port and the requests.
    fn responder(answers: Vec<String>) -> (u16, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (to_test, requests) = channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                to_test.send(String::from_utf8(request).unwrap().to_lowercase()).unwrap();
            }
        });
        (port, requests)
    }

    fn answer(status: &str, header: &str, body: &str) -> String {
        format!(
            "HTTP/1.1 {status}\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    const GOOD: &str = r#"{"access_token":"the.token","expires_in":"3599"}"#;

    #[test]
    fn azure_vm() {
        let (port, requests) =
            responder(vec![answer("429 Too Many Requests", "", ""), answer("200 OK", "", GOOD)]);
        let token = vm(&format!("http://127.0.0.1:{port}"), Some("a b")).unwrap();
        assert_eq!(token, "the.token");
        let asked: Vec<String> = requests.iter().collect();
        assert_eq!(asked[0], asked[1]);
        assert!(asked[0].starts_with(
            "get /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3a%2f%2fdatabase.windows.net%2f&client_id=a"
        ), "{}", asked[0]);
        assert!(asked[0].contains("\r\nmetadata: true\r\n"));
    }

    #[test]
    fn azure_vm_without_an_identity() {
        for (status, body, part) in [
            (
                "400 Bad Request",
                r#"{"error":"invalid_request","error_description":"Identity not found"}"#,
                "Identity not found",
            ),
            ("200 OK", r#"{"access_token":""}"#, "no access_token"),
            ("200 OK", "<html>", "no access_token"),
            ("302 Found", "", "status 302"),
            ("403 Forbidden", "<html>\n<body>a portal's page</body>", "status 403: without a reason"),
            ("400 Bad Request", r#"{"error":"a\nb"}"#, "status 400: a"),
        ] {
            let (port, _requests) = responder(vec![answer(status, "", body)]);
            let error = format!("{:#}", vm(&format!("http://127.0.0.1:{port}"), None).unwrap_err());
            assert!(error.contains(part) && error.contains("managed identity"), "{error}");
            assert!(!error.contains("portal") && error.lines().count() == 1, "{error}");
        }
    }

    #[test]
    fn who_gives_the_token() {
        let folder = tempfile::tempdir().unwrap();
        let (there, none) = (folder.path().to_path_buf(), folder.path().join("none"));
        let set = || [Some("http://localhost:1/t".to_string()), Some("x".to_string())];
        let said = |arc, vm: Option<&str>, id, folder: &PathBuf| {
            source(arc, vm.map(String::from), id, folder.clone())
        };
        let agent = |endpoint: &str, folder: &PathBuf| Source::Arc(endpoint.into(), folder.clone());
        assert_eq!(said(set(), None, None, &none).unwrap(), agent("http://localhost:1/t", &none));
        assert!(said(set(), None, Some("id"), &there).is_err());
        let unset = || [None, Some("x".to_string())];
        assert_eq!(said(unset(), None, None, &there).unwrap(), agent(ARC_ENDPOINT, &there));
        assert_eq!(said(unset(), None, None, &none).unwrap(), Source::Vm(VM_HOST.into()));
        assert_eq!(said(unset(), None, Some("id"), &there).unwrap(), Source::Vm(VM_HOST.into()));
        assert_eq!(said(unset(), Some("http://h"), None, &there).unwrap(), Source::Vm("http://h".into()));
    }

    #[test]
    fn azure_arc() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("1234.key");
        std::fs::write(&key, "c2VjcmV0").unwrap();
        let challenge = format!("WWW-Authenticate: Basic realm={}\r\n", key.display());
        let (port, requests) =
            responder(vec![answer("401 Unauthorized", &challenge, ""), answer("200 OK", "", GOOD)]);
        let endpoint = format!("http://localhost:{port}/metadata/identity/oauth2/token");
        assert_eq!(arc(&endpoint, folder.path()).unwrap(), "the.token");
        let asked: Vec<String> = requests.iter().collect();
        assert!(asked[0].contains("api-version=2020-06-01") && !asked[0].contains("authorization"));
        assert!(asked[1].contains("\r\nauthorization: basic c2vjcmv0\r\n"), "{}", asked[1]);
    }

    /// Other files are never sent, and other machines are never contacted.
    #[test]
    fn azure_arc_challenges_that_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join(name);
        std::fs::write(inside("large.key"), vec![b'x'; 5000]).unwrap();
        std::fs::write(inside("secret.txt"), "x").unwrap();
        std::fs::create_dir(inside("sub")).unwrap();
        std::fs::write(inside("sub").join("a.key"), "x").unwrap();
        let realm = |path: PathBuf| format!("WWW-Authenticate: Basic realm={}\r\n", path.display());
        for (header, part) in [
            (realm("/etc/passwd".into()), "expected a .key file"),
            (realm(inside("secret.txt")), "expected a .key file"),
            (realm(inside("sub").join("a.key")), "expected a .key file"),
            (realm(inside("sub").join("..").join("large.key")), "expected a .key file"),
            (realm(inside("large.key")), "5000 bytes"),
            (realm(inside("none.key")), "himds"),
            ("WWW-Authenticate: Bearer\r\n".into(), "expected Basic realm"),
            (String::new(), "without a challenge"),
        ] {
            let (port, requests) = responder(vec![answer("401 Unauthorized", &header, "")]);
            let error = arc(&format!("http://127.0.0.1:{port}/token"), folder.path()).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(part), "{error}");
            assert_eq!(requests.iter().count(), 1);
        }
        for endpoint in
            ["http://example.org/token", "http://localhost:80@example.org/", "https://localhost.example.org/"]
        {
            assert!(format!("{:#}", arc(endpoint, folder.path()).unwrap_err()).contains("of this machine"));
        }
    }
}
