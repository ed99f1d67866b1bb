// While the element of that id is hidden, no picture is sent.
(id) => (picture, ...rest) =>
  [document.getElementById(id)?.offsetParent ? picture : null, ...rest]
