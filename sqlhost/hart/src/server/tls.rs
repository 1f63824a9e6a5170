//! Why a connection could not be encrypted, and what to do. The client hands on the words of its TLS library as text: rustls, and
//! on Windows that of the system.

use anyhow::anyhow;
use tiberius::error::{Error, IoErrorKind};

/// What this program takes, for messages about servers that offer less.
const TLS: &str = "TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM";
const KEYS: &str = "X.509 version 3, keys of 2,048 bits or more and signatures with SHA-256 or better";

/// What a failed handshake was about, if `error` comes from one.
pub fn reason(error: &Error) -> Option<&str> {
    match error {
        Error::Tls(message) => Some(without_advice(message)),
        Error::Io { kind: IoErrorKind::InvalidData, message } => Some(message),
        Error::Io { kind: IoErrorKind::NotFound, message } if lacks_authorities(message) => Some(message),
        _ => None,
    }
}

/// Without tiberius's advice, which is about its own functions.
fn without_advice(message: &str) -> &str {
    let start =
        message.find("during the TLS handshake: ").map_or(0, |at| at + "during the TLS handshake: ".len());
    let rest = &message[start..];
    let end =
        [" To connect anyway", " The SQL Server presented"].iter().filter_map(|part| rest.find(part)).min();
    rest[..end.unwrap_or(rest.len())].trim_end_matches('.')
}

fn lacks_authorities(message: &str) -> bool {
    message.contains("platform trust store") || message.contains("platform certificates")
}

/// The failed handshake with `server`, explained; `strict` is TDS 8.0, where the server has to begin with it.
pub fn explain(server: &str, strict: bool, reason: &str) -> anyhow::Error {
    let has = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
    if has(&["not valid for name", "not valid for any names", "NotValidForName", "CN_NO_MATCH"]) {
        anyhow!(
            "the certificate of {server} is for another name ({reason}): connect by the name in the certificate, \
             or say it with --certificate-host"
        )
    } else if has(&["invalid dns name"]) {
        anyhow!(
            "the name of {server} is none that a certificate can bear ({reason}): say the name in its certificate with \
             --certificate-host"
        )
    } else if has(&["CaUsedAsEndEntity"]) {
        anyhow!(
            "the certificate of {server} is that of an authority (CA:TRUE), and so none for a server: give the server one that \
             the authority has issued, or one of its own that `openssl req -x509` makes with \
             `-addext basicConstraints=critical,CA:FALSE`"
        )
    } else if has(&["UnsupportedCertVersion", "UnsupportedSignatureAlgorithmContext", "BadSignature"]) {
        anyhow!(
            "the certificate of {server} cannot be checked ({reason}): it is of an old kind, or its signature is wrong, because another authority of that name made it. This \
             program takes {KEYS}, not version 1, SHA-1 or 1,024 bits: give the server a newer certificate, or, on a network \
             of which you are sure, go without the check with --trust-certificate"
        )
    } else if lacks_authorities(reason) {
        anyhow!(
            "the certificate of {server} cannot be checked, for this machine knows no authorities ({reason}): install the \
             package ca-certificates, or name the authority with --ca-certificate FILE"
        )
    } else if is_about_certificate(reason) {
        anyhow!(
            "the certificate of {server} is not trusted ({reason}): name its authority with --ca-certificate FILE or \
             add it to this machine's, or, on a network of which you are sure, go without the check with \
             --trust-certificate"
        )
    } else if has(&["ProtocolVersion", "HandshakeFailure", "InsufficientSecurity", "peer is incompatible"]) {
        anyhow!(
            "{server} offers no encryption that this program takes ({reason}): it takes {TLS}, not TLS 1.0 or 1.1: update SQL \
             Server and its system, or enable TLS 1.2 there; Windows Server 2012 R2 and older need a certificate with an ECDSA \
             key, or a hart that runs on Windows, which takes what that system takes"
        )
    } else if strict {
        anyhow!(
            "{server} does not begin with encryption, as --encrypt strict demands ({reason}): SQL Server 2022 and later do, where \
             they have a certificate; --encrypt required negotiates it"
        )
    } else {
        anyhow!("no encrypted connection to {server} ({reason}): check that the port is that of SQL Server")
    }
}

/// Words of rustls for what can be wrong with a certificate, and of other libraries.
fn is_about_certificate(reason: &str) -> bool {
    let lower = reason.to_lowercase();
    [
        "certificate",
        "unknownissuer",
        "expired",
        "notvalidyet",
        "revoked",
        "invalidpurpose",
        "badencoding",
        "othererror(",
    ]
    .iter()
    .any(|part| lower.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_of_the_client_is_left_out() {
        let long = "the server's certificate was rejected during the TLS handshake: UnknownIssuer. To connect anyway you can: (1) …";
        assert_eq!(reason(&Error::Tls(long.into())), Some("UnknownIssuer"));
        let old = "the server's certificate was rejected during the TLS handshake: Other(OtherError(UnsupportedCertVersion)). The SQL \
                   Server presented a certificate. To connect anyway …";
        assert_eq!(reason(&Error::Tls(old.into())), Some("Other(OtherError(UnsupportedCertVersion))"));
        assert_eq!(reason(&Error::Tls("plain".into())), Some("plain"));
        assert_eq!(reason(&Error::Utf8), None);
    }
}
