// A panel under a button of the bar: it closes by Escape, and by a click beside it.
import { useEffect, useRef, useState } from "react";

export function Popover({ label, title, className = "", children }) {
  const [open, setOpen] = useState(false);
  const box = useRef(null);

  useEffect(() => {
    if (!open) return undefined;
    const beside = ({ target }) => !box.current.contains(target) && setOpen(false);
    const escape = ({ key }) => key === "Escape" && setOpen(false);
    document.addEventListener("pointerdown", beside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", beside);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);

  return (
    <div className={`popover ${className}`} ref={box}>
      <button
        type="button"
        className="opener"
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-label={title}
        onClick={() => setOpen(!open)}
      >
        {label}
      </button>
      {open && (
        <div className="panel" role="dialog" aria-label={title}>
          {children(() => setOpen(false))}
        </div>
      )}
    </div>
  );
}
