//! Values, and what operators make of two of them.

use super::{Broken, LONGEST_STRING, TOO_LARGE, WRONG_TYPE};
use crate::syntax::Binary;

/// A string, and whether it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// As written: escapes are translated when it is sent or awaited.
    pub bytes: Vec<u8>,
    /// $USERID or $PASSWORD is in it.
    pub secret: bool,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// 32 bits with sign, as Windows' LONG.
    Integer(i32),
    /// TRUE or FALSE.
    Boolean(bool),
    /// A string.
    Text(Text),
}

impl Value {
    /// A string that may be shown.
    #[must_use]
    pub fn text(bytes: Vec<u8>) -> Value {
        Value::Text(Text { bytes, secret: false })
    }
}

/// The result of an operator.
pub(super) fn join(op: Binary, left: Value, right: Value) -> Result<Value, Broken> {
    match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => integers(op, a, b),
        (Value::Boolean(a), Value::Boolean(b)) => Ok(Value::Boolean(match op {
            Binary::Equal => a == b,
            Binary::NotEqual => a != b,
            Binary::And => a && b,
            Binary::Or => a || b,
            _ => return Err(WRONG_TYPE),
        })),
        (Value::Text(a), Value::Text(b)) => match op {
            Binary::Equal => Ok(Value::Boolean(a.bytes == b.bytes)),
            Binary::NotEqual => Ok(Value::Boolean(a.bytes != b.bytes)),
            Binary::Add => {
                let mut text = a;
                text.bytes.extend_from_slice(&b.bytes);
                text.secret |= b.secret;
                if text.bytes.len() > LONGEST_STRING {
                    return Err("a string is longer than 4096 bytes");
                }
                Ok(Value::Text(text))
            }
            _ => Err(WRONG_TYPE),
        },
        _ => Err(WRONG_TYPE),
    }
}

fn integers(op: Binary, a: i32, b: i32) -> Result<Value, Broken> {
    let number = match op {
        Binary::Multiply => a.checked_mul(b).ok_or(TOO_LARGE)?,
        Binary::Divide if b == 0 => return Err("a number is divided by zero"),
        Binary::Divide => a.checked_div(b).ok_or(TOO_LARGE)?,
        Binary::Add => a.checked_add(b).ok_or(TOO_LARGE)?,
        Binary::Subtract => a.checked_sub(b).ok_or(TOO_LARGE)?,
        Binary::Less => return Ok(Value::Boolean(a < b)),
        Binary::Greater => return Ok(Value::Boolean(a > b)),
        Binary::LessEqual => return Ok(Value::Boolean(a <= b)),
        Binary::GreaterEqual => return Ok(Value::Boolean(a >= b)),
        Binary::Equal => return Ok(Value::Boolean(a == b)),
        Binary::NotEqual => return Ok(Value::Boolean(a != b)),
        Binary::And | Binary::Or => return Err(WRONG_TYPE),
    };
    Ok(Value::Integer(number))
}
