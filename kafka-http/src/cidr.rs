//! Ranges of addresses, as `--open-to` and `--trusted-proxy` take them.

use std::{fmt, net::IpAddr, str::FromStr};

/// A block of addresses such as `10.0.0.0/8` or `fd00::/8`; a bare address is a block of one.
///
/// IPv4 addresses that arrive in IPv6 clothing (`::ffff:10.1.2.3`, as dual-stack sockets report them)
/// are IPv4 addresses here, in the block as well as in the question. Apart from that the two families
/// are separate: `::/0` holds no IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The first address of the block.
    network: IpAddr,
    prefix: u8,
}

/// The text is no block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrError;

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address or a block such as 10.0.0.0/8 or fd00::/8 is expected")
    }
}

impl std::error::Error for CidrError {}

impl Cidr {
    /// Whether the address lies in the block.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.network.is_ipv4() && first_of_block(address, self.prefix) == self.network
    }
}

/// The address with every bit after the prefix cleared.
fn first_of_block(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(u32::BITS.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(u128::BITS.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    /// Bits of the address beyond the prefix are ignored: `10.1.2.3/8` is `10.0.0.0/8`.
    fn from_str(text: &str) -> Result<Cidr, CidrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| CidrError)?;
        let written_bits: u8 = if written.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            // `u8::from_str` would also take a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| CidrError)?
            }
            Some(_) => return Err(CidrError),
            None => written_bits,
        };
        if prefix > written_bits {
            return Err(CidrError);
        }
        let canonical = written.to_canonical();
        if canonical.is_ipv4() == written.is_ipv4() {
            return Ok(Cidr { network: first_of_block(written, prefix), prefix });
        }
        // A mapped address: its first 96 bits only say that it is one, so a block of them that is
        // wider than all IPv4 addresses together is a mistake.
        let prefix = prefix.checked_sub(96).ok_or(CidrError)?;
        Ok(Cidr { network: first_of_block(canonical, prefix), prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocks_are_read_and_shown_by_their_first_address() {
        let table = [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("10.1.2.3/8", Some("10.0.0.0/8")),
            ("10.1.2.3", Some("10.1.2.3/32")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("fd12::1/8", Some("fd00::/8")),
            ("::1", Some("::1/128")),
            ("::/0", Some("::/0")),
            ("::ffff:10.1.2.3", Some("10.1.2.3/32")),
            ("::ffff:10.1.2.3/104", Some("10.0.0.0/8")),
            ("::ffff:10.1.2.3/96", Some("0.0.0.0/0")),
            ("::ffff:10.1.2.3/95", None),
            ("10.0.0.0/33", None),
            ("::1/129", None),
            ("10.0.0.0/+8", None),
            ("10.0.0.0/", None),
            ("10.0.0/8", None),
            ("10.0.0.0/8/8", None),
            ("10.0.0.0/300", None),
            ("example.org", None),
            ("", None),
        ];
        for (text, shown) in table {
            let cidr = text.parse::<Cidr>().ok().map(|cidr| cidr.to_string());
            assert_eq!(cidr.as_deref(), shown, "{text}");
        }
    }

    #[test]
    fn a_block_holds_its_addresses_in_either_clothing_and_no_others() {
        let table = [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("10.0.0.0/8", "::10.1.2.3", false),
            ("192.168.1.0/25", "192.168.1.127", true),
            ("192.168.1.0/25", "192.168.1.128", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.6", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.1.2.3", false),
            ("::/0", "::ffff:10.1.2.3", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
        ];
        for (block, address, expected) in table {
            let cidr: Cidr = block.parse().unwrap();
            assert_eq!(cidr.contains(address.parse().unwrap()), expected, "{address} in {block}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_panic(text in "[0-9a-f:./+-]{0,48}") {
            let _ = text.parse::<Cidr>();
        }

        #[test]
        fn what_is_shown_is_read_back(bits: u128, v4: bool, prefix in 0_u8..=128) {
            let address = if v4 { IpAddr::from((bits as u32).to_be_bytes()) } else { IpAddr::from(bits.to_be_bytes()) };
            let Ok(cidr) = format!("{address}/{prefix}").parse::<Cidr>() else { return Ok(()) };
            prop_assert_eq!(cidr.to_string().parse::<Cidr>(), Ok(cidr));
            prop_assert!(cidr.contains(address));
        }
    }
}
