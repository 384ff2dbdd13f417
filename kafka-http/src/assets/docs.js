// Nothing is kept in the browser: a token that is typed in goes with the page.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  deepLinking: true,
  validatorUrl: null,
});
