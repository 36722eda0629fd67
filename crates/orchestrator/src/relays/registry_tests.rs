//! Stories of relays that register.

use super::*;

const KEY: &str = "0123456789abcdef";

fn id(text: &str) -> RelayId {
    text.parse().expect("an id")
}

fn allowed(text: &str) -> config::Relay {
    config::Relay {
        id: id(text),
        site: "A".parse().expect("a code"),
        capacity: 10,
        join_key: format!("{KEY}-{text}"),
    }
}

fn about(public_key: &str) -> About {
    About {
        public_key: public_key.to_owned(),
        certificate_fingerprint: "AA:BB".to_owned(),
        media_addresses: vec![([127, 0, 0, 1], 5004).into()],
        http_url: "https://127.0.0.1:8444".to_owned(),
    }
}

async fn registry(data: &std::path::Path) -> Registry {
    // The writer of an earlier log lets go of its lock when the last handle is gone.
    let log = loop {
        match Log::open(&data.join("log.db")) {
            Ok(log) => break log,
            Err(LogError::InUse(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    Registry::load(log, vec![allowed("province"), allowed("city")])
        .await
        .expect("loaded")
}

#[tokio::test]
async fn a_join_key_is_one_identity_s_and_stays_so_after_a_restart() {
    let data = tempfile::tempdir().expect("a folder");
    let key = format!("{KEY}-province");
    let block = {
        let registry = registry(data.path()).await;
        let wrong = registry
            .register(&id("province"), "guess", about("one"))
            .await;
        assert!(matches!(wrong, Err(RegistryError::WrongKey)));
        let first = registry
            .register(&id("province"), &key, about("one"))
            .await
            .expect("registered");
        let again = registry
            .register(&id("province"), &key, about("one"))
            .await
            .expect("the same");
        assert_eq!(first, again);
        let city = registry
            .register(&id("city"), &format!("{KEY}-city"), about("two"))
            .await
            .expect("registered");
        assert_ne!(city.ssrc_block, first.ssrc_block);
        first.ssrc_block
    };
    let registry = registry(data.path()).await;
    let other = registry
        .register(&id("province"), &key, about("three"))
        .await;
    assert!(matches!(other, Err(RegistryError::KeyUsed)));
    let moved = registry
        .moved(
            &id("province"),
            vec![([10, 0, 0, 1], 5004).into()],
            "https://10.0.0.1:8444".to_owned(),
        )
        .await
        .expect("moved");
    assert_eq!(
        (moved.ssrc_block, moved.http_url.as_str()),
        (block, "https://10.0.0.1:8444")
    );
}

#[tokio::test]
async fn another_relay_s_key_and_an_unknown_relay_are_refused_alike() {
    let data = tempfile::tempdir().expect("a folder");
    let registry = registry(data.path()).await;
    for (relay, key) in [
        ("province", format!("{KEY}-city")),
        ("ward", format!("{KEY}-ward")),
        ("province", String::new()),
    ] {
        let refused = registry.register(&id(relay), &key, about("one")).await;
        assert!(matches!(refused, Err(RegistryError::WrongKey)), "{relay}");
    }
    assert!(registry.all().is_empty());
}
