//! What a policy allows: protocols and ports.
//!
//! **Invariant**: a [`Services`] is never empty, sorted, and no member covers another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A protocol that policies tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP: IP protocol 6.
    Tcp,
    /// UDP: IP protocol 17.
    Udp,
    /// ICMP: IP protocol 1, and 58 in IPv6.
    Icmp,
}

/// One protocol with a range of ports, or everything. Reads `tcp/443`, `udp/8000-8010`, `icmp`, `any`.
///
/// ```
/// use nanami_model::{Protocol, Service};
///
/// let web: Service = "tcp/443".parse()?;
/// assert!(web.covers(Protocol::Tcp, 443) && !web.covers(Protocol::Udp, 443));
/// assert!("tcp/0443".parse::<Service>().is_err());
/// # Ok::<(), nanami_model::ParseServiceError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service(Inner);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Inner {
    Any,
    Ports { protocol: Protocol, first: u16, last: u16 },
}

/// Why a text is not a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseServiceError {
    /// The protocol is unknown.
    #[error("the protocol is tcp, udp, icmp or any, not {found:?}")]
    Protocol {
        /// What stands there.
        found: String,
    },
    /// The ports are missing, or no range of numbers from 1 to 65535.
    #[error("ports read tcp/443 or udp/8000-8010: numbers from 1 to 65535, the smaller first")]
    Ports,
    /// `icmp` and `any` have no ports.
    #[error("{protocol} has no ports")]
    NoPorts {
        /// The protocol that was given ports.
        protocol: &'static str,
    },
}

crate::coded! { ParseServiceError: Caller;
    Self::Protocol { .. } => ("value.service.protocol", "write a service such as tcp/443, udp/8000-8010, icmp or any");
    Self::Ports => ("value.service.ports", "write a service such as tcp/443, udp/8000-8010, icmp or any");
    Self::NoPorts { protocol } => ("value.service.no_ports", format!("write {protocol}"));
}

impl Service {
    /// Every protocol, every port.
    pub const ANY: Self = Self(Inner::Any);
    /// ICMP, in both families.
    pub const ICMP: Self = Self(Inner::Ports { protocol: Protocol::Icmp, first: 0, last: u16::MAX });

    /// One TCP port.
    pub const fn tcp(port: u16) -> Self {
        Self(Inner::Ports { protocol: Protocol::Tcp, first: port, last: port })
    }

    /// One UDP port.
    pub const fn udp(port: u16) -> Self {
        Self(Inner::Ports { protocol: Protocol::Udp, first: port, last: port })
    }

    /// The protocol; `None` means every one.
    pub fn protocol(&self) -> Option<Protocol> {
        match self.0 {
            Inner::Any => None,
            Inner::Ports { protocol, .. } => Some(protocol),
        }
    }

    /// The first and the last port; for ICMP and for everything, all of them.
    pub fn ports(&self) -> (u16, u16) {
        match self.0 {
            Inner::Any => (0, u16::MAX),
            Inner::Ports { first, last, .. } => (first, last),
        }
    }

    /// Whether a packet of this protocol to this port belongs to the service. ICMP's port is ignored.
    pub fn covers(&self, protocol: Protocol, port: u16) -> bool {
        match self.0 {
            Inner::Any => true,
            Inner::Ports { protocol: own, first, last } => own == protocol && first <= port && port <= last,
        }
    }

    /// Whether everything in `other` belongs to this service too.
    pub fn includes(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Inner::Any, _) => true,
            (_, Inner::Any) => false,
            (Inner::Ports { protocol: a, first, last }, Inner::Ports { protocol: b, first: f, last: l }) => {
                a == b && first <= f && l <= last
            }
        }
    }

    /// What belongs to both services, if anything does.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        match (self.0, other.0) {
            (Inner::Any, _) => Some(*other),
            (_, Inner::Any) => Some(*self),
            (Inner::Ports { protocol, first, last }, Inner::Ports { protocol: b, first: f, last: l }) => {
                let (first, last) = (first.max(f), last.min(l));
                (protocol == b && first <= last).then_some(Self(Inner::Ports { protocol, first, last }))
            }
        }
    }

    /// What is left of this service without `other`. Of [`Service::ANY`] the protocols are left that policies tell apart:
    /// a packet of another protocol may be what is taken away, and so does not pass.
    pub fn minus(&self, other: &Self) -> Vec<Self> {
        match (self.0, other.0) {
            (_, Inner::Any) => Vec::new(),
            (Inner::Any, _) => [Self::ALL_TCP, Self::ALL_UDP, Self::ICMP].iter().flat_map(|s| s.minus(other)).collect(),
            (Inner::Ports { protocol, first, last }, Inner::Ports { protocol: b, first: f, last: l }) => {
                if protocol != b || last < f || l < first {
                    return vec![*self];
                }
                let below = (first < f).then(|| Self(Inner::Ports { protocol, first, last: f - 1 }));
                let above = (l < last).then(|| Self(Inner::Ports { protocol, first: l + 1, last }));
                below.into_iter().chain(above).collect()
            }
        }
    }

    const ALL_TCP: Self = Self(Inner::Ports { protocol: Protocol::Tcp, first: 1, last: u16::MAX });
    const ALL_UDP: Self = Self(Inner::Ports { protocol: Protocol::Udp, first: 1, last: u16::MAX });
}

impl FromStr for Service {
    type Err = ParseServiceError;

    fn from_str(text: &str) -> Result<Self, ParseServiceError> {
        let (word, ports) = match text.split_once('/') {
            Some((word, ports)) => (word, Some(ports)),
            None => (text, None),
        };
        let protocol = match (word, ports) {
            ("any", None) => return Ok(Self::ANY),
            ("icmp", None) => return Ok(Self::ICMP),
            ("any", Some(_)) => return Err(ParseServiceError::NoPorts { protocol: "any" }),
            ("icmp", Some(_)) => return Err(ParseServiceError::NoPorts { protocol: "icmp" }),
            ("tcp", _) => Protocol::Tcp,
            ("udp", _) => Protocol::Udp,
            _ => return Err(ParseServiceError::Protocol { found: word.chars().take(16).collect() }),
        };
        let ports = ports.ok_or(ParseServiceError::Ports)?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (port(first)?, port(last)?);
        match first <= last {
            true => Ok(Self(Inner::Ports { protocol, first, last })),
            false => Err(ParseServiceError::Ports),
        }
    }
}

fn port(text: &str) -> Result<u16, ParseServiceError> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| canonical).ok_or(ParseServiceError::Ports)
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            Inner::Any => "any".to_owned(),
            Inner::Ports { protocol: Protocol::Icmp, .. } => "icmp".to_owned(),
            Inner::Ports { protocol, first, last } if first == last => format!("{protocol}/{first}"),
            Inner::Ports { protocol, first, last } => format!("{protocol}/{first}-{last}"),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        })
    }
}

crate::text::text_serde!(Service);

/// One or more services, as a policy lists them. A cheap clone: what is computed of policies names the same lists over and over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Service>", into = "Vec<Service>")]
pub struct Services(Arc<[Service]>);

/// A list of services was empty, which would mean nothing, or everything, depending on the reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at least one service is needed; `any` means every one")]
pub struct NoServices;

crate::coded! { NoServices: Caller;
    _ => ("value.services.none", "name a service, or any");
}

impl Services {
    /// The services of the list, sorted, without those that another one includes.
    ///
    /// # Errors
    /// [`NoServices`] if there is none.
    pub fn new(services: impl IntoIterator<Item = Service>) -> Result<Self, NoServices> {
        let mut all: Vec<_> = services.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        let kept: Vec<_> = all.iter().filter(|a| !all.iter().any(|b| b != *a && b.includes(a))).copied().collect();
        if kept.is_empty() { Err(NoServices) } else { Ok(Self(kept.into())) }
    }

    /// The services in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Service> {
        self.0.iter()
    }

    /// Whether a packet of this protocol to this port belongs to one of them.
    pub fn covers(&self, protocol: Protocol, port: u16) -> bool {
        self.0.iter().any(|service| service.covers(protocol, port))
    }

    /// What belongs to both lists; `None` if nothing does.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        if self == other {
            return Some(self.clone());
        }
        Self::new(self.0.iter().flat_map(|a| other.0.iter().filter_map(|b| a.intersection(b)))).ok()
    }

    /// What is left without `other`, as [`Service::minus`] has it; `None` if nothing is.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        if self == other {
            return None;
        }
        let without = |left: Vec<Service>, taken: &Service| left.iter().flat_map(|s| s.minus(taken)).collect();
        Self::new(other.0.iter().fold(self.0.to_vec(), without)).ok()
    }

    /// Whether all of `service` belongs to one of them.
    pub fn includes(&self, service: &Service) -> bool {
        self.0.iter().any(|own| own.includes(service))
    }
}

impl TryFrom<Vec<Service>> for Services {
    type Error = NoServices;

    fn try_from(services: Vec<Service>) -> Result<Self, NoServices> {
        Self::new(services)
    }
}

impl From<Services> for Vec<Service> {
    fn from(services: Services) -> Self {
        services.0.to_vec()
    }
}

impl From<Service> for Services {
    fn from(service: Service) -> Self {
        Self(Arc::new([service]))
    }
}

impl fmt::Display for Services {
    /// The services with a comma and a space between: `tcp/80, tcp/443`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.pad(&texts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_round_trip_and_mistakes_are_told_apart() {
        for text in ["any", "icmp", "tcp/1", "udp/65535", "tcp/8000-8010"] {
            assert_eq!(text.parse::<Service>().unwrap().to_string(), text);
        }
        let code = |text: &str| text.parse::<Service>().unwrap_err().code();
        for (text, wanted) in [
            ("sctp/1", "value.service.protocol"),
            ("", "value.service.protocol"),
            ("TCP/1", "value.service.protocol"),
            ("tcp", "value.service.ports"),
            ("tcp/0", "value.service.ports"),
            ("tcp/65536", "value.service.ports"),
            ("tcp/9-8", "value.service.ports"),
            ("tcp/+8", "value.service.ports"),
            ("tcp/1-", "value.service.ports"),
            ("any/1", "value.service.no_ports"),
            ("icmp/8", "value.service.no_ports"),
        ] {
            assert_eq!(code(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_list_is_sorted_and_drops_what_another_includes() {
        let list = |texts: &[&str]| Services::new(texts.iter().map(|t| t.parse().unwrap()));
        assert_eq!(list(&["tcp/443", "tcp/400-500", "udp/1"]).unwrap().to_string(), "tcp/400-500, udp/1");
        assert_eq!(list(&["tcp/443", "any", "icmp"]).unwrap().to_string(), "any");
        assert_eq!(list(&[]), Err(NoServices));
    }

    #[test]
    fn what_is_left_covers_exactly_the_rest() {
        let list = |text: &str| Services::new(text.split(", ").map(|t| t.parse().unwrap())).unwrap();
        let left = |a: &str, b: &str| list(a).minus(&list(b)).map(|s| s.to_string());
        assert_eq!(left("tcp/1-10", "tcp/3-4").as_deref(), Some("tcp/1-2, tcp/5-10"));
        assert_eq!(left("tcp/1-10, udp/7", "tcp/1-10").as_deref(), Some("udp/7"));
        assert_eq!(left("any", "tcp/1-65535, icmp").as_deref(), Some("udp/1-65535"));
        assert_eq!(left("tcp/443, icmp", "any"), None);
        assert_eq!(left("tcp/65535", "tcp/1-65534").as_deref(), Some("tcp/65535"));
        assert_eq!(list("tcp/1-9, icmp").intersection(&list("tcp/5-20")), Some(list("tcp/5-9")));
    }

    #[test]
    fn intersection_is_what_both_cover() {
        let service = |text: &str| text.parse::<Service>().unwrap();
        assert_eq!(service("tcp/1-10").intersection(&service("tcp/5-20")), Some(service("tcp/5-10")));
        assert_eq!(service("any").intersection(&service("icmp")), Some(Service::ICMP));
        assert_eq!(service("tcp/1").intersection(&service("udp/1")), None);
    }
}
