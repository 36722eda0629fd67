//! Our own relays as they always run: `diemcau relay --config …`, one or a chain of them, following a plan from disk
//! with the orchestrator out of reach.

use crate::child::Child;
use crate::engine::{Engine, Server, Setup};
use crate::load::{Endpoint, Target, Whep};
use anyhow::{Context, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use protocol::{
    ChildTrunk, MediaClaims, MediaScope, ParentTrunk, RelayPlan, RelayWelcome, SiteCode,
};
use relay::media::MediaCertificate;
use serde::Deserialize;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CONFERENCE: &str = "bench";
const PUBLISHER: &str = "STUDIO";
/// Nothing answers here: the discard port of this machine.
const NO_ORCHESTRATOR: &str = "http://127.0.0.1:9";
const READY_WITHIN: Duration = Duration::from_secs(20);
/// No row lasts longer.
const TOKEN_TIME: Duration = Duration::from_hours(1);

/// `diemcau relay`.
pub struct Relays {
    /// The `diemcau` binary.
    pub program: PathBuf,
}

impl Engine for Relays {
    fn name(&self) -> &'static str {
        "diemcau"
    }

    fn start(&self, setup: &Setup<'_>) -> Result<Box<dyn Server>> {
        Ok(Box::new(Chain::start(&self.program, setup)?))
    }
}

/// Relays in a row: the feed enters the first, halls are at the last.
struct Chain {
    relays: Vec<Running>,
    target: Target,
}

struct Running {
    process: Child,
    http: SocketAddr,
    media: SocketAddr,
}

/// The line a relay says when it is up.
#[derive(Deserialize)]
struct Said {
    ready: Ready,
}

#[derive(Deserialize)]
struct Ready {
    http: SocketAddr,
    media: SocketAddr,
}

/// What a relay and its child know of each other.
#[derive(Clone)]
struct Trunk {
    ufrag: String,
    pwd: String,
    parent_fingerprint: String,
    child_fingerprint: String,
}

impl Chain {
    fn start(program: &Path, setup: &Setup<'_>) -> Result<Self> {
        let orchestrator = Orchestrator::new()?;
        let hops = setup.row.hops;
        let certificates = (0..hops)
            .map(|_| MediaCertificate::generate())
            .collect::<Result<Vec<_>, _>>()?;
        let trunks: Vec<Trunk> = certificates
            .windows(2)
            .map(|pair| {
                Ok(Trunk {
                    ufrag: secret(6)?,
                    pwd: secret(18)?,
                    parent_fingerprint: pair[0].fingerprint().to_string(),
                    child_fingerprint: pair[1].fingerprint().to_string(),
                })
            })
            .collect::<Result<_>>()?;
        let watchers = sites(setup.row.legs)?;
        let mut relays: Vec<Running> = Vec::new();
        for (hop, certificate) in certificates.iter().enumerate() {
            let parent = hop
                .checked_sub(1)
                .map(|above| (&trunks[above], &relays[above], above));
            let mut plan = plan(&watchers)?;
            plan.parents.extend(
                parent
                    .map(|(trunk, relay, above)| parent_trunk(trunk, relay.media, above))
                    .transpose()?,
            );
            plan.children.extend(
                trunks
                    .get(hop)
                    .map(|trunk| child_trunk(trunk, hop + 1))
                    .transpose()?,
            );
            let folder = setup.folder.join(format!("relay-{}", hop + 1));
            fs::create_dir_all(folder.join("data"))?;
            let data = folder.join("data");
            fs::write(data.join("dtls.pem"), certificate.to_pem()?)?;
            fs::write(data.join("plan.json"), serde_json::to_vec(&plan)?)?;
            let welcome = RelayWelcome {
                orchestrator_key: orchestrator.public_key.clone(),
                ssrc_block: hop as u16 + 1,
            };
            fs::write(
                data.join("orchestrator.json"),
                serde_json::to_vec(&welcome)?,
            )?;
            fs::write(folder.join("relay.toml"), configuration(hop, setup))?;
            relays.push(Running::start(program, &folder, hop, setup.cores)?);
        }
        let target = target(&orchestrator, &relays, &watchers)?;
        Ok(Self { relays, target })
    }
}

impl Server for Chain {
    fn target(&self) -> Target {
        self.target.clone()
    }

    fn processes(&self) -> Vec<u32> {
        self.relays.iter().map(|relay| relay.process.id()).collect()
    }

    fn media_ports(&self) -> Vec<u16> {
        self.relays.iter().map(|relay| relay.media.port()).collect()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // Children first: a parent that goes first is an alarm in their logs.
        while self.relays.pop().is_some() {}
    }
}

impl Running {
    fn start(program: &Path, folder: &Path, hop: usize, cores: &[usize]) -> Result<Self> {
        let file = folder.join("relay.toml");
        let arguments = [
            "relay",
            "--exit-with-parent",
            "--config",
            file.to_str().context("a folder in UTF-8")?,
        ];
        let mut process = Child::start(
            &format!("relay {}", hop + 1),
            folder,
            program,
            &arguments,
            cores,
        )?;
        let Said { ready } = process.hear(READY_WITHIN)?;
        Ok(Self {
            process,
            http: ready.http,
            media: ready.media,
        })
    }
}

/// HTTP is plain, which relays allow on loopback only.
fn configuration(hop: usize, setup: &Setup<'_>) -> String {
    let workers = if setup.row.workers > 1 {
        // A worker on each core: where the kernel would move them is not what is measured.
        format!(
            "workers = {}\npin_cores = {:?}\n",
            setup.row.workers, setup.cores
        )
    } else {
        String::new()
    };
    let legs = setup.row.legs + 1;
    let media = SocketAddr::new(setup.ip, 0);
    let loopback = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0);
    format!(
        "id = \"bench-{}\"\n[data]\ndir = \"data\"\n[http]\nlisten = \"{loopback}\"\n[media]\nlisten = \"{media}\"\nlegs_max = {legs}\n{workers}\
         [metrics]\nlisten = \"{loopback}\"\n[orchestrator]\nurl = \"{NO_ORCHESTRATOR}\"\n",
        hop + 1
    )
}

/// Each hall is a site of its own: nobody may watch as one hall more than a few times.
fn sites(legs: usize) -> Result<Vec<SiteCode>> {
    (1..=legs)
        .map(|number| Ok(format!("H{number:04}").parse()?))
        .collect()
}

fn plan(watchers: &[SiteCode]) -> Result<RelayPlan> {
    let publisher: SiteCode = PUBLISHER.parse()?;
    Ok(RelayPlan {
        epoch: 1,
        conference: CONFERENCE.parse()?,
        sites: std::iter::once(publisher.clone())
            .chain(watchers.iter().cloned())
            .collect(),
        program: vec![publisher],
        floor: None,
        parents: Vec::new(),
        children: Vec::new(),
    })
}

fn parent_trunk(trunk: &Trunk, media: SocketAddr, hop: usize) -> Result<ParentTrunk> {
    Ok(ParentTrunk {
        relay: format!("bench-{}", hop + 1).parse()?,
        addresses: vec![media],
        ice_ufrag: trunk.ufrag.clone(),
        ice_pwd: trunk.pwd.clone(),
        certificate_fingerprint: trunk.parent_fingerprint.clone(),
        feeds: vec![PUBLISHER.parse()?],
    })
}

fn child_trunk(trunk: &Trunk, hop: usize) -> Result<ChildTrunk> {
    Ok(ChildTrunk {
        relay: format!("bench-{}", hop + 1).parse()?,
        ice_ufrag: trunk.ufrag.clone(),
        ice_pwd: trunk.pwd.clone(),
        certificate_fingerprint: trunk.child_fingerprint.clone(),
        feeds: vec![PUBLISHER.parse()?],
    })
}

fn target(
    orchestrator: &Orchestrator,
    relays: &[Running],
    watchers: &[SiteCode],
) -> Result<Target> {
    let (Some(first), Some(last)) = (relays.first(), relays.last()) else {
        return Err(anyhow!("a chain without relays"));
    };
    let endpoint = |relay: &Running, route: &str, site: &SiteCode| -> Result<Endpoint> {
        Ok(Endpoint {
            http: relay.http,
            path: format!("/{route}/{site}"),
            token: orchestrator.token(site)?,
        })
    };
    Ok(Target::Whep(Whep {
        publish: endpoint(first, "whip", &PUBLISHER.parse()?)?,
        watch: watchers
            .iter()
            .map(|site| endpoint(last, "whep", site))
            .collect::<Result<_>>()?,
    }))
}

/// Who signed the tokens, as far as the relays know.
struct Orchestrator {
    signing: EncodingKey,
    public_key: String,
}

impl Orchestrator {
    fn new() -> Result<Self> {
        let no_key = |_| anyhow!("no Ed25519 key");
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(no_key)?;
        let pair =
            Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| anyhow!("no Ed25519 key"))?;
        Ok(Self {
            signing: EncodingKey::from_ed_der(pkcs8.as_ref()),
            public_key: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        })
    }

    fn token(&self, site: &SiteCode) -> Result<String> {
        let until = SystemTime::now().duration_since(UNIX_EPOCH)? + TOKEN_TIME;
        let claims = MediaClaims {
            aud: "diemcau".to_owned(),
            conference: CONFERENCE.parse()?,
            scope: MediaScope::Hall { site: site.clone() },
            exp: until.as_secs(),
            jti: format!("bench-{site}"),
        };
        Ok(jsonwebtoken::encode(
            &Header::new(Algorithm::EdDSA),
            &claims,
            &self.signing,
        )?)
    }
}

/// ICE characters (RFC 8839 §5.4).
fn secret(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| anyhow!("no randomness"))?;
    Ok(STANDARD_NO_PAD.encode(random))
}
