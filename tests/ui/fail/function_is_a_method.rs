use paseto_actix::paseto_required;

struct Handlers {
    name: String,
}

impl Handlers {
    #[paseto_required]
    async fn by_reference(&self) -> String {
        self.name.clone()
    }

    #[paseto_required(scopes("read"))]
    async fn by_value(self, suffix: String) -> String {
        self.name + &suffix
    }
}

fn main() {
    let handlers = Handlers { name: String::new() };
    let _ = handlers.by_reference();
    let _ = handlers.by_value(String::new());
}
