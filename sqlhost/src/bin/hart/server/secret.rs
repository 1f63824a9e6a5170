//! Passwords and tokens: from the environment, a file or a prompt; never from an argument, never in a message.

use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Longest secret file; a token of Microsoft Entra has some thousand bytes.
const LONGEST: u64 = 64 * 1024;

fn from_file(path: &Path) -> Result<String> {
    let name = path.display();
    let size = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?.len();
    ensure!(size <= LONGEST, "{name} has {size} bytes, which is no secret; expected at most {LONGEST}");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    // Windows editors put a byte-order mark in front.
    let text = text.trim_start_matches('\u{feff}');
    let line = text.lines().next().unwrap_or("");
    ensure!(!line.is_empty(), "the first line of {name} is empty; expected the secret");
    Ok(line.to_string())
}

fn from_environment(name: &str) -> Result<Option<String>> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        // Its text would show the value.
        Err(std::env::VarError::NotUnicode(_)) => Err(anyhow::anyhow!("{name} is not Unicode")),
    }
}

/// The password of a login.
pub fn password(user: &str, file: Option<&Path>) -> Result<String> {
    if let Some(path) = file {
        return from_file(path);
    }
    if let Some(value) = from_environment("HART_PASSWORD")? {
        return Ok(value);
    }
    rpassword::prompt_password(format!("Password of {user}: ")).context(
        "no password: set HART_PASSWORD, name a file with --password-file, or run in a terminal to be asked",
    )
}

/// An access token.
pub fn token(file: Option<&Path>) -> Result<String> {
    if let Some(path) = file {
        return Ok(from_file(path)?.trim().to_string());
    }
    from_environment("HART_TOKEN")?
        .map(|value| value.trim().to_string())
        .context("no token: set HART_TOKEN or name a file with --token-file (az account get-access-token --resource https://database.windows.net/ --query accessToken -o tsv)")
}
