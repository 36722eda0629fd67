//! A certificate authority for one machine, so that browsers get the HTTPS that cameras need.

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use std::net::IpAddr;
use std::path::Path;

/// Makes `ca.pem`, `server.pem` and `server.key` in the folder, unless they are there.
pub fn ensure(folder: &Path, address: IpAddr) -> Result<()> {
    if folder.join("server.pem").exists() {
        return Ok(());
    }
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "diemcau demo authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::from_params(&authority, &authority_key);

    let server_key = KeyPair::generate()?;
    let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
    server
        .distinguished_name
        .push(DnType::CommonName, "diemcau demo");
    server.subject_alt_names.push(SanType::IpAddress(address));
    if !address.is_loopback() {
        server
            .subject_alt_names
            .push(SanType::IpAddress(IpAddr::from([127, 0, 0, 1])));
    }
    let server_certificate = server.signed_by(&server_key, &issuer)?;

    let write = |name: &str, text: String| {
        std::fs::write(folder.join(name), text)
            .with_context(|| format!("writing {name} to {}", folder.display()))
    };
    write("ca.pem", authority_certificate.pem())?;
    write("server.key", server_key.serialize_pem())?;
    // The chain last: its presence says that the others are whole.
    write(
        "server.pem",
        server_certificate.pem() + &authority_certificate.pem(),
    )
}

/// Takes the server's certificate away, and the authority with it: nothing keeps the authority's key.
pub fn discard(folder: &Path) -> Result<()> {
    for name in ["server.pem", "server.key", "ca.pem"] {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error)
                    .with_context(|| format!("removing {name} from {}", folder.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A random text nobody guesses and a person can type: 80 bits in lower-case base 32.
pub fn random_text() -> Result<String> {
    // No 0, 1, l, o: read aloud, they are taken for one another.
    const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).context("asking the system for random bytes")?;
    Ok(random
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect())
}
