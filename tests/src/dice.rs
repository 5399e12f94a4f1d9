//! Chance that is the same every time.

/// Numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// Below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    /// One of `0..sides`.
    pub fn roll(&mut self, sides: u32) -> u32 {
        u32::try_from(self.below(sides.into())).unwrap()
    }

    /// One of the places of a list of that length.
    pub fn place(&mut self, len: usize) -> usize {
        self.roll(u32::try_from(len).unwrap()).try_into().unwrap()
    }
}
