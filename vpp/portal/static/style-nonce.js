// BokehJS makes its style elements by document.createElement. They may only apply with the page's nonce, which a script
// that was let in may read and hand on. To be loaded before BokehJS.
(() => {
  const { nonce } = document.currentScript;
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = create(name, options);
    if (name === "style") element.nonce = nonce;
    return element;
  };
})();
