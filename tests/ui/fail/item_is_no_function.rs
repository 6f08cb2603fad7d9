use paseto_actix::paseto_required;

#[paseto_required]
pub const CONSTANT: u8 = 0;

#[paseto_required]
pub enum Enum {
    Variant,
}

#[paseto_required]
impl Struct {
    pub fn method(&self) {}
}

#[paseto_required]
pub mod module {
    pub fn function() {}
}

#[paseto_required]
pub static STATIC: u8 = 0;

#[paseto_required]
pub struct Struct;

#[paseto_required]
pub trait Trait {
    #[paseto_required]
    async fn without_body() -> String;
}

#[paseto_required]
pub type Alias = u8;

#[paseto_required]
pub union Union {
    pub a: u8,
    pub b: i8,
}

#[paseto_required]
pub use module::function;

fn main() {
    Struct.method();
    function();
}
