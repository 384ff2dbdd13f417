pub(crate) mod diff;
pub(crate) mod kind;
pub(crate) mod patch;
