//! Which addresses are public: global unicast, by the IANA registries of
//! special-purpose addresses.
//!
//! Everything else is refused, because a page could stand on this machine, in
//! the operator's network, or be the metadata service of a cloud. An IPv6
//! address that carries an IPv4 one is no better than what it carries; those
//! that exist only for translation are refused as a whole.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether anybody's server may stand there.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => is_public_v4(it),
        IpAddr::V6(it) => is_public_v6(it),
    }
}

/// First address and prefix length of what is not public in IPv4.
///
/// The anycast addresses in 192.0.0.0/24 that are global serve protocols, not
/// pages.
const SPECIAL_V4: [(Ipv4Addr, u32); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // shared by carriers
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, and metadata of clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24), // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24), // multicast tunnels
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(192, 175, 48, 0), 24), // AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 3),     // multicast, reserved, broadcast
];

/// The same in IPv6, within 2000::/3. Outside of it nothing is public: there
/// lie loopback, unspecified, mapped and compatible addresses, translation
/// (64:ff9b::/96, 64:ff9b:1::/48), discard (100::/64), SRv6 (5f00::/16),
/// unique local, link-local, site-local and multicast addresses.
const SPECIAL_V6: [(Ipv6Addr, u32); 6] = [
    // Protocol assignments: Teredo, benchmarks, ORCHID and more.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which carries an IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    // AS112.
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    // The 6bone, given back and never given out again.
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
    // Documentation.
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Addresses that are given out.
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The low half of an address that a network with ISATAP translates to the
/// IPv4 address behind it, with the bit for a global one left out.
const ISATAP: u64 = 0x0000_5efe;

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_in = |(first, bits): &(Ipv4Addr, u32)| {
        same_prefix(address.to_bits().into(), first.to_bits().into(), 32 - bits)
    };
    !SPECIAL_V4.iter().any(is_in)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let is_in = |(first, bits): &(Ipv6Addr, u32)| {
        same_prefix(address.to_bits(), first.to_bits(), 128 - bits)
    };
    is_in(&GLOBAL_V6) && !SPECIAL_V6.iter().any(is_in) && !is_isatap(address)
}

fn is_isatap(address: Ipv6Addr) -> bool {
    let [_, _, _, _, high, low, _, _] = address.segments();
    (u64::from(high) << 16 | u64::from(low)) & !(0x0200 << 16) == ISATAP
}

/// Whether two addresses differ in their last `rest` bits at most.
fn same_prefix(one: u128, other: u128, rest: u32) -> bool {
    one.checked_shr(rest) == other.checked_shr(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every range that is not public, written apart from the tables above.
    const RANGES_V4: &str = "
        0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
        192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
        198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 255.255.255.255/32
        0.0.0.0/32 127.0.0.53/32 169.254.169.254/32 169.254.170.2/32 100.100.100.200/32
        192.0.0.192/32 192.0.0.8/32 192.0.0.170/31 192.0.0.9/32 192.0.0.10/32 239.0.0.0/8
        233.252.0.0/24 10.0.0.138/32 192.168.0.1/32 172.17.0.1/32 198.19.0.0/16";

    const RANGES_V6: &str = "
        ::/128 ::1/128 ::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64
        100:0:0:1::/64 2001::/32 2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:2::/48 2001:3::/32
        2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001::/23 2001:db8::/32 2002::/16
        2620:4f:8000::/48 3ffe::/16 3fff::/20 5f00::/16 4000::/3 6000::/3 8000::/3 a000::/3 c000::/3
        e000::/4 f000::/5 f800::/6 fc00::/7 fd00::/8 fd00:ec2::254/128 fe00::/9 fe80::/10 fe80::/64
        fec0::/10 ff00::/8 ff02::1/128 200::/7 400::/6 800::/5 1000::/4
        2001:4860:4860:0:0:5efe::/96 2600:0:0:0:200:5efe::/96";

    /// Addresses that are public, most of them next to a range that is not.
    const PUBLIC: &str = "
        1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0
        126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
        191.255.255.255 192.0.1.0 192.0.1.255 192.0.3.0 192.31.195.255 192.31.197.0 192.52.192.255
        192.52.194.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 192.175.47.255
        192.175.49.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0
        223.255.255.255 2000:: 2000::1 2001:200:: 2001:4860:4860::8888 2001:db7:ffff::
        2001:db9:: 2003:: 2400:cb00:2048:1::c629:d7a2 2606:4700:4700::1111 2620:4f:7fff:ffff::
        2620:4f:8001:: 2a00:1450:4001:800::200e 3ffd:ffff:: 3fff:1000:: 3fff:ffff::
        2600:0:0:0:100:5efe::1 2600::5eff:0:1";

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    /// First, last and some inner addresses of a range.
    fn inside(range: &str) -> Vec<IpAddr> {
        let (first, bits) = range.split_once('/').unwrap();
        let (first, bits) = (address(first), bits.parse::<u32>().unwrap());
        match first {
            IpAddr::V4(it) => {
                let last = u32::MAX.checked_shr(bits).unwrap_or(0);
                let at = |offset: u32| IpAddr::V4((it.to_bits() + offset).into());
                [0, 1, last / 3, last / 2, last].map(|it| at(it.min(last))).to_vec()
            }
            IpAddr::V6(it) => {
                let last = u128::MAX.checked_shr(bits).unwrap_or(0);
                let at = |offset: u128| IpAddr::V6((it.to_bits() + offset).into());
                [0, 1, last / 3, last / 2, last].map(|it| at(it.min(last))).to_vec()
            }
        }
    }

    /// The IPv6 forms that carry an IPv4 address.
    fn carriers(address: Ipv4Addr) -> [Ipv6Addr; 7] {
        let [a, b, c, d] = address.octets();
        let [high, low] = [[a, b], [c, d]].map(u16::from_be_bytes);
        [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, !high, !low),
        ]
    }

    #[test]
    fn only_global_unicast_addresses_are_public() {
        let ranges = [RANGES_V4, RANGES_V6].map(str::split_whitespace).into_iter().flatten();
        let mut special: Vec<IpAddr> = ranges.flat_map(inside).collect();
        for carried in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "8.8.8.8"] {
            special.extend(carriers(carried.parse().unwrap()).map(IpAddr::V6));
        }
        let public: Vec<IpAddr> = PUBLIC.split_whitespace().map(address).collect();
        special.iter().for_each(|it| assert!(!is_public(*it), "{it} is taken for public"));
        public.iter().for_each(|it| assert!(is_public(*it), "{it} is not taken for public"));
        special.extend(public);
        special.sort();
        special.dedup();
        assert!(300 <= special.len(), "{} addresses", special.len());
    }
}
