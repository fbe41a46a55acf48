// A formula wider than the page scrolls sideways; it must be reached without a mouse, too.
addEventListener("load", () => {
  if (!globalThis.MathJax?.startup) return;
  const mark = () => {
    for (const formula of document.querySelectorAll("mjx-container[display]")) {
      const scrolls = formula.scrollWidth > formula.clientWidth;
      if (scrolls) formula.tabIndex = 0;
      else formula.removeAttribute("tabindex");
    }
  };
  MathJax.startup.promise.then(mark);
  addEventListener("resize", mark);
});
