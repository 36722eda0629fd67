//! RTP header extensions (RFC 8285), read from foreign bytes and written in canonical form.

/// Largest element of the one-byte form.
const ONE_BYTE_MAX: usize = 16;
/// Profiles of the two forms.
const ONE_BYTE: [u8; 2] = [0xbe, 0xde];
const TWO_BYTE: [u8; 2] = [0x10, 0x00];

/// The extension block of a header, its 4-byte head included; empty when there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Self(block)
    }

    /// The value of extension `id`, in the one-byte or two-byte form (RFC 8285 §4).
    pub(super) fn get(self, id: u8) -> Option<&'a [u8]> {
        let head: [u8; 2] = *self.0.first_chunk()?;
        let two_byte = match u16::from_be_bytes(head) {
            0xbede => false,
            profile if profile & 0xfff0 == 0x1000 => true,
            _ => return None,
        };
        let mut rest = self.0.get(4..)?;
        while let Some((&first, after)) = rest.split_first() {
            if first == 0 {
                rest = after;
                continue;
            }
            let (found, len, after) = if two_byte {
                let (&len, after) = after.split_first()?;
                (first, usize::from(len), after)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, after)
            };
            // Id 15 of the one-byte form ends the list.
            if !two_byte && found == 15 {
                return None;
            }
            let value = after.get(..len)?;
            if found == id {
                return Some(value);
            }
            rest = &after[len..];
        }
        None
    }
}

/// Appends a block with those of the elements that are not empty, in the one-byte form where they fit it.
pub(super) fn write(elements: &[(u8, &[u8])], out: &mut Vec<u8>) {
    let kept = || elements.iter().filter(|(_, value)| !value.is_empty());
    let two_byte = kept().any(|(_, value)| value.len() > ONE_BYTE_MAX);
    out.extend_from_slice(if two_byte { &TWO_BYTE } else { &ONE_BYTE });
    let length_at = out.len();
    out.extend_from_slice(&[0, 0]);
    for (id, value) in kept() {
        if two_byte {
            out.extend_from_slice(&[*id, value.len() as u8]);
        } else {
            out.push(id << 4 | (value.len() - 1) as u8);
        }
        out.extend_from_slice(value);
    }
    let bytes = (out.len() - length_at - 2).next_multiple_of(4);
    out.resize(length_at + 2 + bytes, 0);
    let words = ((bytes / 4) as u16).to_be_bytes();
    out[length_at..length_at + 2].copy_from_slice(&words);
}
