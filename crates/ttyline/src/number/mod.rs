//! Telephone numbers and who may have which dialled.
//!
//! Two kinds of number never mix: what a caller *typed* ([`Typed`]: digits, at most one leading `+`) and what
//! the administrator wrote into login.config or on the command line ([`Fixed`]: pauses, `*` and `#` too).
//! [`Plan`] turns `+49…` and `0049…` into what is dialled from here, and only then [`Policy`] judges it:
//! a number must not get past a rule by being spelled differently.
//!
//! Sources: V.250, 6.3.1 (the dial string); E.164 (15 digits at most); the point "Numbers".

mod country;
mod policy;
mod text;

pub use country::{Class, Plan};
pub use policy::{BadPattern, BadWord, Pattern, Policy, Reason, Rule, Scope, Verdict, Word};
pub use text::{BadNumber, Fixed, Typed};

#[cfg(test)]
mod forbidden;
#[cfg(test)]
mod tests;
