//! Whole packets as others have published them, sealed and opened by ours.

use super::cipher::Cipher;
use super::keys::{MasterKeys, ctr, ctr_key};
use super::tests::{bytes, master};
use super::{Profile, Receiver, Rejected, Sender};

const GCM: Profile = Profile::Aes128Gcm;
const SHA1: Profile = Profile::Aes128CmSha1_80;

/// RFC 3711 appendix B.2: the key stream of AES-CM, at its beginning and where the block counter crosses a byte.
/// (B.1 is about AES-f8, which no profile of DTLS-SRTP uses.)
#[test]
fn the_key_stream_is_that_of_rfc_3711_appendix_b2() {
    let key = ctr_key(&bytes("2B7E151628AED2A6ABF7158809CF4F3C")).expect("a key");
    let mut iv = [0; 16];
    iv.copy_from_slice(&bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000"));
    let mut stream = vec![0; 16 * 0xff02];
    ctr(&key, iv, &mut stream).expect("a key stream");
    let block = |n: usize| stream[16 * n..16 * (n + 1)].to_vec();
    for (counter, expected) in [
        (0, "E03EAD0935C95E80E166B16DD92B4EB4"),
        (1, "D23513162B02D0F72A43A2FE4A5F97AB"),
        (2, "41E95B3BB0A2E8DD477901E4FCA894C0"),
        (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
        (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
        (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
    ] {
        assert_eq!(block(counter), bytes(expected), "block {counter:x}");
    }
}

#[test]
fn gcm_seals_rtcp_as_rfc_7714_section_17_shows() {
    let key = bytes("000102030405060708090a0b0c0d0e0f");
    let key: [u8; 16] = key.try_into().expect("16 bytes");
    let cipher = Cipher::gcm_with_session_keys(key, *b"Quid pro quo");
    let plain = bytes(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
         deadbeef deadbeef deadbeef deadbeef deadbeef",
    );
    let sealed = bytes(
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1
         730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
    );
    let mut packet = plain.clone();
    cipher.seal_rtcp(&mut packet, 0x5d4).expect("sealed");
    assert_eq!(packet, sealed);
    assert_eq!(cipher.rtcp_index(&packet), Ok(0x5d4));
    let len = cipher.open_rtcp(&mut packet).expect("opened");
    assert_eq!(packet[..len], plain);
    for bit in 0..sealed.len() * 8 {
        let mut forged = sealed.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(cipher.open_rtcp(&mut forged), Err(Rejected), "bit {bit}");
    }
}

/// From master keys to packets: what libsrtp's own validation holds for its two profiles of ours.
#[test]
fn packets_of_libsrtp_are_the_same_byte_for_byte() {
    let media = "800f1234 decafbad cafebabe abababab abababab abababab abababab";
    let control = "81c8000b cafebabe abababab abababab abababab abababab";
    let mut gcm = master(GCM);
    gcm.key
        .copy_from_slice(&bytes("000102030405060708090a0b0c0d0e0f"));
    gcm.salt[..12].copy_from_slice(&bytes("a0a1a2a3a4a5a6a7a8a9aaab"));
    let sealed_media =
        "800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb";
    let sealed_control =
        "81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798";
    check(
        SHA1,
        &master(SHA1),
        [media, sealed_media, control, sealed_control],
    );
    let sealed_media =
        "800f1234 decafbad cafebabe c5002ede 04cfdd2e b91159e0 880aa06e d2976826 f796b201
                      df3131a1 27e8a392";
    let sealed_control =
        "81c8000b cafebabe c98b8b5d f0392a55 852b6c21 ac8e7025 c52c6fbe a2b3b446 ea31123b
                       a88ce61e 80000001";
    check(GCM, &gcm, [media, sealed_media, control, sealed_control]);
}

fn check(profile: Profile, master: &MasterKeys, packets: [&str; 4]) {
    let [media, sealed_media, control, sealed_control] = packets.map(bytes);
    let mut sender = Sender::new(profile, master).expect("a sender");
    let mut receiver = Receiver::new(profile, master).expect("a receiver");

    let mut packet = media.clone();
    sender.seal_rtp(&mut packet, 0x1234).expect("sealed");
    assert_eq!(packet, sealed_media, "{profile:?}");
    let len = receiver.open_rtp(&mut packet).expect("opened");
    assert_eq!(packet[..len], media);

    let mut packet = control.clone();
    sender.seal_rtcp(&mut packet).expect("sealed");
    assert_eq!(packet, sealed_control, "{profile:?}");
    let len = receiver.open_rtcp(&mut packet).expect("opened");
    assert_eq!(packet[..len], control);
}

#[test]
fn no_index_is_used_beyond_the_last() {
    for profile in [GCM, SHA1] {
        let master = master(profile);
        let sender = Sender::new(profile, &master).expect("a sender");
        let last = (1 << 48) - 1;
        let packet = |index| super::tests::rtp(7, index, b"payload");
        assert!(sender.seal_rtp(&mut packet(last), last).is_ok());
        let wrapped = sender.seal_rtp(&mut packet(last + 1), last + 1);
        assert_eq!(wrapped, Err(Rejected), "it would be index 0 again");

        let mut sender = sender.with_rtcp_index((1 << 31) - 2);
        let compound = bytes("80c90001 00000007");
        let mut sealed = compound.clone();
        sender.seal_rtcp(&mut sealed).expect("the last one");
        let mut receiver = Receiver::new(profile, &master).expect("a receiver");
        assert!(receiver.open_rtcp(&mut sealed).is_ok());
        for _ in 0..3 {
            assert_eq!(sender.seal_rtcp(&mut compound.clone()), Err(Rejected));
        }
    }
}
