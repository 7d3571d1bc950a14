//! What every error says of itself beside its message: a stable code, who can repair it, whether the same call may succeed later,
//! and what to do.
//!
//! **Invariants**: a code belongs to one error, never gets another meaning, and stands in `docs/errors.md`, which is written from
//! the tables here; an error that passes another one on passes on that one's code. No code, message or remedy holds a secret.

/// Who can repair an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Whoever made the call: the arguments, the document or the change are wrong.
    Caller,
    /// The other end: what it sent is wrong.
    Peer,
    /// What lies between.
    Network,
    /// The store.
    Storage,
    /// This machine: its rights, sockets and files.
    Host,
    /// We: a bug.
    Ours,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Caller => "caller",
            Self::Peer => "peer",
            Self::Network => "network",
            Self::Storage => "storage",
            Self::Host => "host",
            Self::Ours => "ours",
        })
    }
}

/// An error with a code, for code that treats all of them alike. Each error has the same four functions of its own, so that nobody
/// has to import the trait; only Nanami's crates implement it.
///
/// ```
/// use nanami_model::{Cidr, Coded, Fault};
///
/// fn told(error: &impl Coded) -> String {
///     format!("{error} [{}]: {}", error.code(), error.remedy())
/// }
/// let error = "10.42.0.7/16".parse::<Cidr>().unwrap_err();
/// let text = "the address has bits beyond the length; the range itself is 10.42.0.0/16 [value.cidr.host_bits]: write 10.42.0.0/16";
/// assert_eq!(told(&error), text);
/// assert_eq!((error.fault(), error.is_retryable()), (Fault::Caller, false));
/// ```
pub trait Coded: std::error::Error + Sealed {
    /// The stable code, such as `value.cidr.host_bits`: the same text in every language and over HTTP.
    fn code(&self) -> &'static str;

    /// Who can repair it.
    fn fault(&self) -> Fault;

    /// Whether the same call may succeed later though its caller changes nothing.
    fn is_retryable(&self) -> bool;

    /// What to do about it; never empty.
    fn remedy(&self) -> String;
}

/// Only Nanami's crates say what a code is.
#[doc(hidden)]
pub trait Sealed {}

/// Gives an error its four functions and [`Coded`], from one table: `pattern => ("code", remedy);`, or `pattern => (of error);`
/// for what passes another error on, or `pattern => (as code, remedy);` for what carries a code.
///
/// `list Type: |errors| iterator` is for an error that is several of one kind: it goes by the first.
#[doc(hidden)]
#[macro_export]
macro_rules! coded {
    (list $type:ty: |$errors:ident| $all:expr) => {
        impl $type {
            fn first(&self) -> &impl $crate::Coded {
                let $errors = self;
                $all.next().expect("nobody makes an error of nothing")
            }

            /// The stable code of the first error.
            pub fn code(&self) -> &'static str {
                $crate::Coded::code(self.first())
            }

            /// Who can repair the first error.
            pub fn fault(&self) -> $crate::Fault {
                $crate::Coded::fault(self.first())
            }

            /// Whether the same call may succeed later though its caller changes nothing: if that is so for every error.
            pub fn is_retryable(&self) -> bool {
                let $errors = self;
                $all.all(|error| $crate::Coded::is_retryable(error))
            }

            /// What to do about the first error.
            pub fn remedy(&self) -> String {
                $crate::Coded::remedy(self.first())
            }

            #[cfg(test)]
            pub(crate) const CODES: &'static [&'static [(&'static str, &'static str)]] = &[];
            #[cfg(test)]
            pub(crate) const FAULT: Option<$crate::Fault> = None;
        }

        $crate::coded!(trait $type);
    };
    (trait $type:ty) => {
        impl $crate::SealedCoded for $type {}

        impl $crate::Coded for $type {
            fn code(&self) -> &'static str {
                Self::code(self)
            }

            fn fault(&self) -> $crate::Fault {
                Self::fault(self)
            }

            fn is_retryable(&self) -> bool {
                Self::is_retryable(self)
            }

            fn remedy(&self) -> String {
                Self::remedy(self)
            }
        }
    };
    ($type:ty: $fault:ident $(, again if ($again:pat))? $(, also $($other:literal)+)?; $($pattern:pat => $body:tt;)+) => {
        #[allow(unused_variables, reason = "each function takes what it needs of a pattern")]
        impl $type {
            /// The stable code of this error.
            pub fn code(&self) -> &'static str {
                match self {
                    $($pattern => $crate::coded!(@code $body),)+
                }
            }

            /// Who can repair it.
            pub fn fault(&self) -> $crate::Fault {
                match self {
                    $($pattern => $crate::coded!(@fault $fault $body),)+
                }
            }

            /// Whether the same call may succeed later though its caller changes nothing.
            pub fn is_retryable(&self) -> bool {
                $(if matches!(self, $again) {
                    return true;
                })?
                match self {
                    $($pattern => $crate::coded!(@again $body),)+
                }
            }

            /// What to do about it.
            pub fn remedy(&self) -> String {
                match self {
                    $($pattern => $crate::coded!(@remedy $body),)+
                }
            }

            /// Each code with the pattern of what bears it.
            #[cfg(test)]
            pub(crate) const CODES: &'static [&'static [(&'static str, &'static str)]] =
                &[$($crate::coded!(@row $pattern, $body),)+ $($(&[($other, "_")],)+)?];
            #[cfg(test)]
            pub(crate) const FAULT: Option<$crate::Fault> = Some($crate::Fault::$fault);
        }

        $crate::coded!(trait $type);
    };
    (@code ($code:literal, $remedy:expr)) => { $code };
    (@code (of $inner:expr)) => { $inner.code() };
    (@code (as $code:expr, $remedy:expr)) => { $code };
    (@fault $fault:ident (of $inner:expr)) => { $inner.fault() };
    (@fault $fault:ident $body:tt) => { $crate::Fault::$fault };
    (@again (of $inner:expr)) => { $inner.is_retryable() };
    (@again $body:tt) => { false };
    (@remedy ($code:literal, $remedy:expr)) => { String::from($remedy) };
    (@remedy (of $inner:expr)) => { $inner.remedy() };
    (@remedy (as $code:expr, $remedy:expr)) => { String::from($remedy) };
    (@row $pattern:pat, ($code:literal, $remedy:expr)) => { &[($code, stringify!($pattern))] };
    (@row $pattern:pat, $body:tt) => { &[] };
}

#[cfg(test)]
mod tests;
