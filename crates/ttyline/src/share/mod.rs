//! What sharing a modem over the network needs in every form of it (modemd, mserver).
//!
//! [`wish`] reads how the line is to be set (`115200,8,N,1,crtscts`), [`clean`] leaves the modem as the
//! next user may expect it, [`hold`] opens
//! and locks it, [`keepalive`] finds out clients that are gone.

pub mod clean;
pub mod hold;
pub mod keepalive;
pub mod wish;
