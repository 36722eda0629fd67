//! Against the RFCs' vectors, and against `rtc-srtp` over wraps, gaps and resends.

use super::cipher::Cipher;
use super::keys::{Label, MasterKeys, derive};
use super::{Clear, Profile, Receiver, Rejected, Sender};
use crate::media::certificate::provider;
use proptest::prelude::*;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")
        })
        .collect()
}

pub(super) fn master(profile: Profile) -> MasterKeys {
    let mut master = MasterKeys {
        key: [0; 16],
        salt: [0; 14],
    };
    master
        .key
        .copy_from_slice(&bytes("E1F97A0D3E018BE0D64FA32C06DE4139"));
    master
        .salt
        .copy_from_slice(&bytes("0EC675AD498AFEEBB6960B3AABE6"));
    master.salt[profile.salt_len()..].fill(0);
    master
}

pub(super) fn other(profile: Profile) -> Context {
    let master = master(profile);
    let theirs = match profile {
        Profile::Aes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let salt = &master.salt[..profile.salt_len()];
    let media = srtp_replay_protection(1024);
    let control = srtcp_replay_protection(1024);
    Context::new(
        &master.key,
        salt,
        theirs,
        Some(media),
        Some(control),
        provider().crypto(),
    )
    .expect("a context")
}

pub(super) const BOTH: [Profile; 2] = [Profile::Aes128Gcm, Profile::Aes128CmSha1_80];

pub(super) fn rtp(ssrc: u32, index: u64, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, 102];
    packet.extend_from_slice(&(index as u16).to_be_bytes());
    packet.extend_from_slice(&(index as u32).to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 30, 0, 0]);
    packet.extend_from_slice(payload);
    packet
}

#[test]
fn keys_are_derived_as_rfc_3711_appendix_b3_shows() {
    let master = master(Profile::Aes128CmSha1_80);
    let value = |label: Label| derive(&master, label as u8).expect("derived");
    assert_eq!(
        value(Label::Encryption)[..16],
        bytes("C61E7A93744F39EE10734AFE3FF7A087")
    );
    assert_eq!(
        value(Label::Salt)[..14],
        bytes("30CBBC08863D8C85D49DB34A9AE1")
    );
    assert_eq!(
        value(Label::Authentication).to_vec(),
        bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
    );
}

#[test]
fn gcm_seals_as_rfc_7714_section_16_shows() {
    let key: [u8; 16] = bytes("000102030405060708090a0b0c0d0e0f")
        .try_into()
        .expect("16 bytes");
    let cipher = Cipher::gcm_with_session_keys(key, *b"Quid pro quo");
    let mut packet = bytes("8040f17b8041f8d35501a0b2");
    packet.extend_from_slice(b"Gallia est omnis divisa in partes tres");
    let plain = packet.clone();
    let (header, payload) = plain.split_at(12);
    let clear = Clear {
        header,
        payload,
        ..Clear::default()
    };
    packet.resize(plain.len() + cipher.rtp_tag_len(), 0);
    cipher
        .seal_rtp(&clear, 0x5501_a0b2, 0xf17b, &mut packet)
        .expect("sealed");
    let sealed = bytes(
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf
         8833899d 7f27beb1 6a9152cf 765ee439 0cce",
    );
    assert_eq!(packet, sealed);
    let len = cipher
        .open_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b)
        .expect("opened");
    assert_eq!(packet[..len], plain);
}

proptest! {
    /// We seal, they open: from any first sequence number, over a wrap, with gaps and bit-identical resends.
    #[test]
    fn the_other_implementation_opens_what_we_seal(
        start in any::<u16>(),
        gaps in prop::collection::vec(1u64..9000, 1..60),
        payload in prop::collection::vec(any::<u8>(), 0..1200),
    ) {
        for profile in BOTH {
            let sender = Sender::new(profile, &master(profile)).expect("a sender");
            let mut receiver = other(profile);
            let mut index = u64::from(start);
            for gap in &gaps {
                let plain = rtp(7, index, &payload);
                let mut packet = plain.clone();
                sender.seal_rtp(&mut packet, index).expect("sealed");
                let mut again = plain.clone();
                sender.seal_rtp(&mut again, index).expect("sealed");
                prop_assert_eq!(&packet, &again);
                prop_assert_eq!(receiver.decrypt_rtp(&packet).expect("opened").to_vec(), plain);
                index += gap;
            }
        }
    }

    /// They seal, we open; a repeat is rejected, and so is a changed bit.
    #[test]
    fn we_open_what_the_other_implementation_seals(
        start in any::<u16>(),
        count in 1u64..200,
        payload in prop::collection::vec(any::<u8>(), 1..300),
        bit in any::<prop::sample::Index>(),
    ) {
        for profile in BOTH {
            let mut sender = other(profile);
            let mut receiver = Receiver::new(profile, &master(profile)).expect("a receiver");
            for index in u64::from(start)..u64::from(start) + count {
                let plain = rtp(7, index, &payload);
                let sealed = sender.encrypt_rtp(&plain).expect("sealed").to_vec();
                let mut forged = sealed.clone();
                let at = bit.index(forged.len() * 8);
                forged[at / 8] ^= 1 << (at % 8);
                prop_assert_eq!(receiver.open_rtp(&mut forged), Err(Rejected));
                let mut packet = sealed.clone();
                let len = receiver.open_rtp(&mut packet).expect("opened");
                prop_assert_eq!(&packet[..len], &plain[..]);
                prop_assert_eq!(receiver.open_rtp(&mut sealed.clone()), Err(Rejected));
            }
        }
    }

    #[test]
    fn rtcp_opens_both_ways(words in 1u16..200) {
        let mut compound = vec![0x80, 201];
        compound.extend_from_slice(&words.to_be_bytes());
        compound.extend((0..words).flat_map(|word| u32::from(word).to_be_bytes()));
        for profile in BOTH {
            let (mut ours, mut theirs) = (Sender::new(profile, &master(profile)).expect("a sender"), other(profile));
            let mut sealed = compound.clone();
            ours.seal_rtcp(&mut sealed).expect("sealed");
            prop_assert_eq!(theirs.decrypt_rtcp(&sealed).expect("opened").to_vec(), compound.clone());

            let mut receiver = Receiver::new(profile, &master(profile)).expect("a receiver");
            let sealed = other(profile).encrypt_rtcp(&compound).expect("sealed").to_vec();
            let mut packet = sealed.clone();
            let len = receiver.open_rtcp(&mut packet).expect("opened");
            prop_assert_eq!(&packet[..len], &compound[..]);
            prop_assert_eq!(receiver.open_rtcp(&mut sealed.clone()), Err(Rejected));
        }
    }

    #[test]
    fn noise_is_rejected(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        for profile in BOTH {
            let mut receiver = Receiver::new(profile, &master(profile)).expect("a receiver");
            prop_assert_eq!(receiver.open_rtp(&mut noise.clone()), Err(Rejected));
            prop_assert_eq!(receiver.open_rtcp(&mut noise.clone()), Err(Rejected));
        }
    }
}

#[test]
fn a_stream_that_was_paused_over_several_wraps_is_found_again() {
    // Within half a period of where it was, or in the other half, where it seems to come from the past.
    for (profile, first, after_pause) in BOTH.into_iter().flat_map(|profile| {
        [
            (profile, 100, 3 * 65_536 + 500),
            (profile, 100, 40_100),
            (profile, 70_000, 70_000 + 65_536 * 2 - 5_000),
        ]
    }) {
        let sender = Sender::new(profile, &master(profile)).expect("a sender");
        let mut receiver = Receiver::new(profile, &master(profile)).expect("a receiver");
        let mut open = |index: u64| {
            let mut packet = rtp(7, index, b"payload");
            sender.seal_rtp(&mut packet, index).expect("sealed");
            receiver.open_rtp(&mut packet)
        };
        assert!(open(first).is_ok());
        let opened = (after_pause..after_pause + 6)
            .filter(|index| open(*index).is_ok())
            .count();
        assert_eq!(
            opened, 2,
            "after four failures the skipped periods are tried"
        );
    }
}

#[test]
fn a_stream_whose_first_packets_were_lost_across_a_wrap_opens() {
    for profile in BOTH {
        let sender = Sender::new(profile, &master(profile)).expect("a sender");
        let mut receiver = Receiver::new(profile, &master(profile)).expect("a receiver");
        let mut packet = rtp(7, 65_536, b"payload");
        sender.seal_rtp(&mut packet, 65_536).expect("sealed");
        assert!(receiver.open_rtp(&mut packet).is_ok());
    }
}

#[test]
fn an_index_that_is_not_the_packets_is_refused() {
    let sender = Sender::new(Profile::Aes128Gcm, &master(Profile::Aes128Gcm)).expect("a sender");
    assert_eq!(sender.seal_rtp(&mut rtp(7, 5, b""), 6), Err(Rejected));
    assert_eq!(
        sender.seal_rtp(&mut rtp(7, 5, b""), (1 << 48) + 5),
        Err(Rejected)
    );
}
