//! V.250 on the computer's side: result codes, caller data.
