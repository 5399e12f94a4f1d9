//! Randomness that a child has again when it runs again.

use std::convert::Infallible;

use rand_core::TryRng;

/// An endless text of BLAKE3, keyed with the seed of the child: nobody who has
/// not the seed can tell it from chance.
pub(super) struct SeededRandom(blake3::OutputReader);

impl SeededRandom {
    /// Of one purpose: no two of them have anything to do with each other.
    pub(super) fn new(seed: &[u8; 32], purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(seed);
        hasher.update(purpose.as_bytes());
        Self(hasher.finalize_xof())
    }

    pub(super) fn number(&mut self) -> u128 {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }
}

impl TryRng for SeededRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_purpose_make_it_and_nothing_else() {
        let number = |seed: u8, purpose: &str| SeededRandom::new(&[seed; 32], purpose).number();
        assert_eq!(number(1, "random"), number(1, "random"));
        assert_ne!(number(1, "random"), number(1, "insecure"));
        assert_ne!(number(1, "random"), number(2, "random"));
        let mut random = SeededRandom::new(&[1; 32], "random");
        assert_ne!(random.try_next_u64(), random.try_next_u64());
    }
}
