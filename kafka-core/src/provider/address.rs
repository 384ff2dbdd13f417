//! Which network addresses a model endpoint may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses may be connected to. Link-local, metadata, multicast and unspecified addresses are
/// refused by each policy and in every spelling: nothing that answers there is a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Private and loopback addresses too, for models that run on this machine or beside it.
    #[default]
    PrivateAllowed,
    /// Addresses of the public internet only, for endpoints that strangers may name.
    PublicOnly,
}

impl AddressPolicy {
    /// Whether an endpoint at `address` may be connected to.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        match reach(address) {
            Reach::Never => false,
            Reach::Private => self == AddressPolicy::PrivateAllowed,
            Reach::Public => true,
        }
    }
}

/// From what may be connected to by all to what may not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Public,
    Private,
    Never,
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    /// Metadata services of clouds outside the link-local range: Alibaba, Azure, Oracle.
    const METADATA: [Ipv4Addr; 3] =
        [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

    let octets = address.octets();
    let is_never = octets[0] == 0 // "this network"; Linux takes 0.0.0.0 for itself
        || octets[0] >= 224 // multicast, reserved, broadcast
        || address.is_link_local()
        || METADATA.contains(&address);
    let is_private = address.is_private()
        || address.is_loopback()
        || matches!(octets, [100, 64..=127, ..]) // carrier-grade NAT
        || matches!(octets, [198, 18..=19, ..]) // benchmarks
        || matches!(octets, [192, 0, 0, _]); // protocol assignments
    match (is_never, is_private) {
        (true, _) => Reach::Never,
        (false, true) => Reach::Private,
        (false, false) => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    /// Metadata services of clouds outside the link-local range: Amazon, Google, Oracle.
    const METADATA: [Ipv6Addr; 3] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    ];

    if address.is_loopback() {
        return Reach::Private;
    }
    if let Some(inner) = embedded_v4(address) {
        return reach_v4(inner);
    }
    let first = address.segments()[0];
    let own = if METADATA.contains(&address) || address.is_multicast() || address.is_unicast_link_local() {
        Reach::Never
    } else if address.is_unique_local() || first & 0xffc0 == 0xfec0 {
        Reach::Private
    } else {
        Reach::Public
    };
    tunnelled_v4(address).into_iter().flatten().map(reach_v4).fold(own, Ord::max)
}

/// The IPv4 addresses through which a tunnel leads to an IPv6 address: the server and, with its bits
/// turned over, the client of Teredo; the host of ISATAP.
fn tunnelled_v4(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    match address.segments() {
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            [Some(v4(server_high, server_low)), Some(v4(!high, !low))]
        }
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => [Some(v4(high, low)), None],
        _ => [None, None],
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible (which holds `::`), NAT64, 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(v4(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_reach() {
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "::",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "::169.254.169.254",
            "::ffff:0.0.0.0",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::ffff:0:169.254.169.254",
            "2001:0:0101:0101::5601:5601", // Teredo: the client is 169.254.169.254
            "2001:0:a9fe:a9fe::fefe:fefe", // Teredo: the server is
            "2606:4700::5efe:169.254.169.254",
            "2606:4700::200:5efe:a9fe:a9fe",
        ];
        let private = [
            "127.0.0.1",
            "127.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "64:ff9b::10.0.0.1",
            "2002:7f00:1::1",
            "2002:a00:1::5efe:101:101",
            "2001:0:0101:0101::80ff:fffe", // Teredo: the client is 127.0.0.1
            "2001:0:0a00:0001::fefe:fefe", // Teredo: the server is 10.0.0.1
            "2606:4700::5efe:10.0.0.1",
            "fc00::5efe:1.1.1.1",
        ];
        let public = [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "2001:0:0101:0101::fefe:fefe",
            "2001:4860:4860::8888",
            "2606:4700::5efe:1.1.1.1",
        ];
        let allowed = |text: &str| {
            let address: IpAddr = text.parse().unwrap();
            (AddressPolicy::PrivateAllowed.allows(address), AddressPolicy::PublicOnly.allows(address))
        };
        for text in never {
            assert_eq!(allowed(text), (false, false), "{text}");
        }
        for text in private {
            assert_eq!(allowed(text), (true, false), "{text}");
        }
        for text in public {
            assert_eq!(allowed(text), (true, true), "{text}");
        }
    }
}
