//! Passwords and tokens: from the environment, a file or a prompt; never from an argument, never in a message.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Maximum size of a secret file; a token of Microsoft Entra has some thousand bytes.
const LONGEST: u64 = 64 * 1024;

fn from_file(path: &Path, insecure: bool) -> Result<String> {
    let name = path.display();
    let about = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
    let size = about.len();
    ensure!(
        insecure || is_private(&about),
        "{name} can be read or changed by other users of this machine: chmod 600 {name}, or say --insecure-file"
    );
    ensure!(size <= LONGEST, "{name} has {size} bytes, which is no secret; expected at most {LONGEST}");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    // Windows editors put a byte-order mark in front.
    let text = text.trim_start_matches('\u{feff}');
    let line = text.lines().next().unwrap_or("");
    ensure!(!line.is_empty(), "the first line of {name} is empty; expected the secret");
    Ok(line.to_string())
}

/// Whether only its owner has permissions on a file, as ssh demands for keys.
#[cfg(unix)]
fn is_private(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    about.permissions().mode() & 0o077 == 0
}

/// On other systems permissions are access lists, which nothing in the standard library reads.
#[cfg(not(unix))]
fn is_private(_: &std::fs::Metadata) -> bool {
    true
}

fn from_environment(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // The error's own text would show the value.
        Err(std::env::VarError::NotUnicode(_)) => Err(anyhow::anyhow!("{name} is not Unicode")),
    }
}

/// The password of a login.
pub fn password(user: &str, file: Option<&Path>, insecure: bool) -> Result<String> {
    if let Some(path) = file {
        return from_file(path, insecure);
    }
    if let Some(value) = from_environment("HART_PASSWORD")? {
        return Ok(value);
    }
    rpassword::prompt_password(format!("Password of {user}: ")).context(
        "no password: set HART_PASSWORD, name a file with --password-file, or run in a terminal to be asked",
    )
}

/// An access token.
pub fn token(file: Option<&Path>, insecure: bool) -> Result<String> {
    if let Some(path) = file {
        return Ok(from_file(path, insecure)?.trim().to_string());
    }
    from_environment("HART_TOKEN")?
        .map(|value| value.trim().to_string())
        .context("no token: set HART_TOKEN or name a file with --token-file (az account get-access-token --resource https://database.windows.net/ --query accessToken -o tsv)")
}
